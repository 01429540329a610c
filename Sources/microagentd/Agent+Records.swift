import MicroAgent
import Store

/// How containers' records get to the disk.
extension Agent {
  func save(_ id: UInt64, _ revision: UInt32) {
    guard let container = supervisor.container(id: id) else { return }
    table.save(container, isUrgent: supervisor.isSaveUrgent(id: id)) { [self] problem in
      if hasLostStore { return }
      CrashPoint.pass("the record is durable")
      guard let problem else { return handle(.saved(revision: revision), id) }
      couldNotSave(id, revision, problem)
    }
    CrashPoint.pass("the record is written, not yet durable")
  }

  /// A container that has not run yet is given up; what has happened is written as soon as there is room.
  private func couldNotSave(_ id: UInt64, _ revision: UInt32, _ problem: String) {
    guard let container = supervisor.container(id: id), supervisor.awaitsSave(id: id, revision: revision) else {
      return
    }
    if container.phase == .starting {
      host.killAll(id)
      return handle(.startFailed("container \(container.name): write its record: \(problem)"), id)
    }
    retry { [self] in
      if supervisor.awaitsSave(id: id, revision: revision) { save(id, revision) }
    }
  }

  func forget(_ id: UInt64) {
    execs.forget(container: id)
    table.delete(id) { [self] problem in
      if hasLostStore { return }
      CrashPoint.pass("the record's deletion is durable")
      if problem == nil { return handle(.forgotten, id) }
      retry { [self] in forget(id) }
    }
    CrashPoint.pass("the record is deleted, not yet durably")
  }
}
