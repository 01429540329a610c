import CSystem
import Cgroups
import Images
import LinuxSystem
import OCIRuntime

let deleteVerb = Verb(
  name: "delete", operands: "ID", count: 1...1, help: "remove a container that has stopped, or was never started",
  options: [Option(name: "force", letter: "f", help: "end it first; what is not there is as good")]
) { command throws(Failure) in
  let force = command.arguments.has("force")
  let record: ContainerRecord
  do throws(Failure) {
    record = try command.states.record(command.id)
  } catch {
    guard force, ContainerRecord.isName(command.id) else { throw error }
    try command.deleteBeginning()
    return ExitCode.success
  }
  let status = command.status(record)
  guard force || status == .stopped || status == .created else {
    throw Failure("container \(record.id): it is \(status.rawValue): stop it first, or delete --force")
  }
  try command.delete(record, try? command.states.config(record.id))
  return ExitCode.success
}

extension Command {
  /// Removes what was left by a command that died before it had written down a container's process.
  fileprivate func deleteBeginning() throws(Failure) {
    if let config = try? states.config(id) {
      let layout = try layout()
      let group = try tellingOfGroups { () throws(CgroupError) in
        try Cgroup(ContainerMaker.groupName(config, id), in: layout, controllers: CgroupController.allCases)
      }
      // Its process may have come so far that it waits for a start, before anybody had written its number down.
      endAll(group)
      try removeControlGroup(group)
    }
    try states.remove(id)
  }

  /// Ends what still runs, and removes all that is left of a container.
  func delete(_ record: ContainerRecord, _ config: RuntimeConfig?) throws(Failure) {
    if status(record) != .stopped { try? signal(record, SIGKILL) }
    try remove(record, try group(record), config)
  }

  /// The same of what has ended.
  func remove(_ record: ContainerRecord, _ group: Cgroup, _ config: RuntimeConfig?) throws(Failure) {
    // A group without processes goes at once.
    if case .removed? = try? group.remove() {
      GroupMaker.removeStandardParent(of: group)
    } else {
      endAll(group)
      try removeControlGroup(group)
    }
    try states.remove(record.id)
    guard let config else { return }
    // The specification wants all of them run, whatever becomes of each.
    for hook in config.hooks.poststop {
      do throws(Failure) {
        try Hooks.run([hook], "poststop", record.state(.stopped, annotations: config.annotations))
      } catch {
        for line in error.lines { log.warning(line) }
      }
    }
  }
}
