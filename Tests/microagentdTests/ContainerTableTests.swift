import Basics
import Foundation
import LinuxSystem
import MicroAgent
import TestSupport
import Testing

@testable import Store
@testable import microagentd

@Suite struct ContainerTableTests {
  private func open(_ path: String) throws -> (table: ContainerTable, content: ContainerTable.Content) {
    let (store, content) = try openStore(path) { opened throws(StoreError) in try ContainerTable.read(opened) }
    return (ContainerTable(store: store), content)
  }

  private func read(_ path: String) throws -> ContainerTable.Content {
    try ContainerTable.read(try Store.open(path, schema: ContainerTable.schema))
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
      container.phase = number == 5 ? .stopping : .ended
      container.stopDeadline = number == 5 ? Instant(nanoseconds: 1 << 50) : nil
      container.wanted = number % 2 == 0
      container.process = cause == nil ? nil : ProcessIdentity(process: 99, startTicks: 1 << 40, boot: "boot")
      container.starts = 3
      container.restarts = 2
      container.end = cause.map { ContainerEnd(cause: $0, demand: .init(.graceExpired, by: .holder)) }
      container.demand = number == 5 ? .init(.killed, by: .owner) : .init()
      container.startedSeconds = 22
      container.endedSeconds = 33
      written.append(container)
    }
    let (table, content) = try open(path)
    #expect(content.nextID == 1 && content.containers.isEmpty)
    var saved = 0
    for container in written {
      table.save(container) {
        #expect($0 == nil)
        saved += 1
      }
    }
    // One that was stopped before is not any more.
    var stopping = written[1]
    stopping.phase = .stopping
    stopping.stopDeadline = Instant(nanoseconds: 7)
    for container in [stopping, written[1]] { table.save(container) { _ in saved += 1 } }
    written[2].request.budget.memoryBytes *= 2
    table.save(written[2]) { _ in saved += 1 }
    table.delete(5) {
      #expect($0 == nil)
      saved += 1
    }
    table.store.close()
    #expect(saved == written.count + 4)
    let again = try read(path)
    written.remove(at: 4)
    #expect(again.containers == written)
    #expect(again.nextID == 7, "an id is never given out twice")
  }

  @Test func takesOverTheStoreOfAnAgentThatKnewNoDeadlines() throws {
    let directory = TemporaryDirectory()
    let path = directory.file("store.db")
    let request = plain.value.encoded
    try writeVersion1(path) { database throws(StoreError) in
      let row = "INSERT INTO container VALUES (3,'dns',?1,3,0,99,1,'boot',1,0,NULL,NULL,NULL,NULL,NULL,11,22,0)"
      try database.prepare(row).bind(1, SQLValue(request)).run()
      // The bearer of a higher id is gone.
      try database.execute("UPDATE sqlite_sequence SET seq = 7")
    }
    let (table, content) = try open(path)
    #expect(content.nextID == 8, "an id is never given out twice")
    var expected = Container(id: 3, name: "dns", request: plain, createdSeconds: 11)
    expected.phase = .stopping
    expected.wanted = false
    expected.process = ProcessIdentity(process: 99, startTicks: 1, boot: "boot")
    expected.starts = 1
    expected.startedSeconds = 22
    #expect(content.containers == [expected])
    expected.stopDeadline = Instant(nanoseconds: 5)
    var isSaved = false
    table.save(expected) { isSaved = $0 == nil }
    table.store.close()
    let again = try read(path)
    #expect(isSaved && again.containers == [expected])
    #expect(again.nextID == 8)
  }

  /// Its containers are all gone, its highest id is not.
  @Test func takesOverAnEmptyStore() throws {
    let directory = TemporaryDirectory()
    let path = directory.file("store.db")
    try writeVersion1(path) { database throws(StoreError) in
      try database.execute("INSERT INTO sqlite_sequence VALUES ('container', 7)")
    }
    #expect(try read(path).nextID == 8)
  }

  /// Makes a store as the first version of the agent did, with what `body` writes.
  private func writeVersion1(_ path: String, _ body: (Database) throws(StoreError) -> Void) throws {
    try Store.open(path, schema: Schema(migrations: [ContainerTable.schema.migrations[0]])).read(body)
  }

  private var plain: ContainerRequest {
    var request = ContainerRequest()
    request.root = "/srv/root"
    request.command = ["sh"]
    return request
  }
}
