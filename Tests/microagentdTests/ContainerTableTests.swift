import CSystem
import LinuxSystem
import MicroAgent
import TestSupport
import Testing

@testable import microagentd

@Suite struct ContainerTableTests {
  /// Waits for the store's completions until `isDone`; the store's own descriptor says when.
  private func finish(_ table: ContainerTable, until isDone: () -> Bool) {
    while !isDone() {
      var readable: [CInt] = [0]
      _ = system_wait_readable([table.completionDescriptor], &readable, 1, 10_000)
      #expect(table.handleCompletion() == nil)
    }
  }

  @Test func readsBackEveryField() throws {
    let directory = TemporaryDirectory()
    let path = directory.file("store.db")
    let ends: [ContainerEnd.Cause?] = [
      nil, .exited(code: 7), .killed(signal: 9), .outOfMemory(limitBytes: 4 << 20, peakBytes: 3 << 20),
      .failedToStart("step 3"), .unknown("nobody looked"),
    ]
    var written: [Container] = []
    for (number, cause) in ends.enumerated() {
      var request = ContainerRequest()
      request.root = "/srv/root"
      request.command = ["sh", "-c", "true"]
      request.restart = .onFailure(maximumRestarts: UInt32(number))
      var container = Container(id: UInt64(number + 1), name: "c\(number)", request: request, createdSeconds: 11)
      container.phase = .ended
      container.wanted = number % 2 == 0
      container.process = cause == nil ? nil : ProcessIdentity(process: 99, startTicks: 1 << 40, boot: "boot")
      container.starts = 3
      container.restarts = 2
      container.end = cause.map { ContainerEnd(cause: $0, initiator: .graceExpired) }
      container.startedSeconds = 22
      container.endedSeconds = 33
      written.append(container)
    }
    do {
      let table = try ContainerTable(path: path)
      #expect(table.nextID == 1)
      var saved = 0
      for container in written {
        table.save(container) {
          #expect($0 == nil)
          saved += 1
        }
      }
      finish(table) { saved == written.count }
      var deleted = false
      table.delete(6) {
        #expect($0 == nil)
        deleted = true
      }
      finish(table) { deleted }
      table.close()
    }
    let again = try ContainerTable(path: path)
    #expect(again.takeContainers() == written.dropLast())
    #expect(again.nextID == 7, "an id is never given out twice")
    again.close()
  }
}
