import Basics
import Microcloud
import TestSupport
import Testing

@testable import Store
@testable import microagentd

@Suite struct NodeMemoryTests {
  private let directory = TemporaryDirectory()

  /// One life of an agent: what it remembers, and does with it.
  private func live(_ configuredKeys: Keyring? = nil, _ body: (NodeMemory) -> Void) throws {
    let (store, items) = try openStore(directory.file("store.db")) { opened throws(StoreError) in
      try ItemTable.read(opened)
    }
    body(NodeMemory(ItemTable(store, items), configuredKeys: configuredKeys))
    store.close()
  }

  private static func ring(_ first: UInt8...) -> Keyring {
    Keyring(keys: first.map { [UInt8](repeating: $0, count: 16) })!
  }

  @Test func remembersWhatWasSavedLast() throws {
    try live { memory in
      #expect(memory.bytes(.microcloud) == nil)
      memory.save(.microcloud, Array("gracia".utf8))
      memory.save(.microcloud, Array("raval".utf8))
      memory.save(.nameNumber(.public), [2])
      #expect(memory.bytes(.microcloud) == Array("raval".utf8))
    }
    try live { memory in
      #expect(memory.bytes(.microcloud) == Array("raval".utf8))
      #expect(memory.bytes(.nameNumber(.public)) == [2] && memory.bytes(.nameNumber(.microcloud)) == nil)
    }
  }

  /// To ask members of one microcloud to be taken into another would make the two one.
  @Test func aRecordIsOfOneCluster() throws {
    let record = SerfRecord(peers: [SocketAddress(.v4(0x0A01_0203), port: 7946)])
    try live { $0.save(record, .microcloud, of: "gracia") }
    try live { memory in
      #expect(memory.record(.microcloud, of: "gracia") == record)
      #expect(memory.record(.microcloud, of: "raval") == nil)
      #expect(memory.record(.public, of: "gracia") == nil)
    }
  }

  @Test func keysAreTheConfiguredOnesUnlessTheMicrocloudHasChangedThem() throws {
    try live { #expect($0.keyring == nil) }
    try live(Self.ring(1)) { memory in
      #expect(memory.keyring == Self.ring(1))
      memory.save(Self.ring(2, 1))
    }
    try live(Self.ring(1)) { #expect($0.keyring == Self.ring(2, 1)) }
    // The owner has the last word.
    try live(Self.ring(3)) { #expect($0.keyring == Self.ring(3)) }
    try live { #expect($0.keyring == nil) }
  }

  @Test func nonsenseIsAsIfItWereNotThere() throws {
    try live(Self.ring(1)) { memory in
      for bytes: [UInt8] in [[], [0xFF], [0x82, 1, 2], [0x81, 0x80]] {
        memory.save(.keyring, bytes)
        memory.save(.record(.microcloud), bytes)
        #expect(memory.keyring == Self.ring(1))
        #expect(memory.record(.microcloud, of: "gracia") == nil)
      }
    }
  }
}
