import Basics
import Testing

@testable import Microcloud

private func key(_ byte: UInt8, _ count: Int = 32) -> [UInt8] { [UInt8](repeating: byte, count: count) }

struct KeyringTests {
  @Test func hasAPrimaryKey() throws {
    var ring = try #require(Keyring(keys: [key(1), key(2, 16), key(1)]))
    #expect(ring.keys == [key(1), key(2, 16)])
    #expect(throws: KeyringError.primary) { try ring.remove(key(1)) }
    #expect(throws: KeyringError.notInstalled) { try ring.use(key(3)) }
    #expect(throws: KeyringError.length(31)) { try ring.install(key(3, 31)) }
    #expect(ring.keys == [key(1), key(2, 16)])
    try ring.use(key(2, 16))
    #expect(ring.keys == [key(2, 16), key(1)])
    try ring.remove(key(1))
    try ring.remove(key(9))
    #expect(ring.keys == [key(2, 16)])
  }

  @Test func isBounded() throws {
    #expect(Keyring(keys: []) == nil)
    #expect(Keyring(keys: [key(1, 20)]) == nil)
    #expect(Keyring(keys: [key(1), key(2, 0)]) == nil)
    let full = (1...UInt8(GossipCipher.maximumKeys)).map { key($0) }
    var ring = try #require(Keyring(keys: full))
    try ring.install(key(3))
    #expect(throws: KeyringError.full) { try ring.install(key(99)) }
    #expect(Keyring(keys: full + [key(99)]) == nil)
  }
}

struct SerfKeyTests {
  private func report(_ command: KeyCommand, by index: Int, in cluster: SerfCluster) throws -> KeyReport {
    var id: UInt32?
    cluster.act(index) {
      let asked = $0.manageKeys(command, now: cluster.now)
      id = asked?.id
      return asked?.effects ?? []
    }
    cluster.run(milliseconds: 4000)
    let report = cluster.heard[index].compactMap { effect -> KeyReport? in
      if case .keysAnswered(id, let report) = effect { report } else { nil }
    }
    return try #require(report.first)
  }

  private struct Missing: Error {}

  @Test func aClusterChangesItsKey() throws {
    let cluster = SerfCluster(4, keyring: Keyring(keys: [key(1)]))
    for command in [KeyCommand.install(key(2)), .use(key(2)), .remove(key(1))] {
      let report = try report(command, by: 2, in: cluster)
      #expect(report.isSuccess)
      #expect(report.memberCount == 4 && report.responseCount == 4)
    }
    for index in 0..<4 {
      let rings = cluster.heard[index].compactMap { effect -> [[UInt8]]? in
        if case .keyringChanged(let ring) = effect { ring.keys } else { nil }
      }
      #expect(rings == [[key(1), key(2)], [key(2), key(1)], [key(2)]])
      #expect(cluster.nodes[index].keyring?.keys == [key(2)])
    }
    let list = try report(.list, by: 0, in: cluster)
    let text = String(decoding: Base64.encoded(key(2)), as: UTF8.self)
    #expect(list.keys == [.init(key: text, members: 4)])
    #expect(list.primaryKeys == [.init(key: text, members: 4)])
  }

  @Test func whatARingRefusesIsReported() throws {
    let cluster = SerfCluster(3, keyring: Keyring(keys: [key(1)]))
    for (command, reason) in [
      (KeyCommand.remove(key(1)), KeyringError.primary), (.use(key(2)), .notInstalled), (.install([1]), .length(1)),
    ] {
      let report = try report(command, by: 0, in: cluster)
      #expect(report.responseCount == 3 && report.refusalCount == 3 && !report.isSuccess)
      #expect(report.refusals.allSatisfy { $0.reason == reason.description })
      #expect(Set(report.refusals.map(\.node)) == ["n0", "n1", "n2"])
    }
    #expect(cluster.heard.allSatisfy { !$0.contains { if case .keyringChanged = $0 { true } else { false } } })
  }

  /// A member that does not answer keeps the command open, and the report says so.
  @Test func whoDoesNotAnswerIsMissedInTheEnd() throws {
    let cluster = SerfCluster(3, keyring: Keyring(keys: [key(1)]))
    cluster.down = [1]
    let report = try report(.install(key(2)), by: 0, in: cluster)
    #expect(report.memberCount == 3 && report.responseCount == 2 && report.refusalCount == 0 && !report.isSuccess)
  }

  /// The query as an agent sends it.
  private func answer(_ command: KeyCommand, _ serf: inout SerfMembership) throws -> (
    SerfMessage.KeyResponse, [SerfEffect]
  ) {
    let query = SerfMessage.Query(
      time: serf.queryClock.time, id: 1, source: SerfCluster.address(1), sourceNode: "n1", timeoutNanoseconds: 1,
      name: command.query.name, payload: command.query.payload)
    let message = MemberlistMessage.user(SerfMessage.query(query).encoded)
    let effects = serf.receive(message, from: SerfCluster.address(1), now: Instant(nanoseconds: 0))
    guard case .send(let packet, SerfCluster.address(1))? = effects.last,
      case .queryResponse(let response) = try SerfMessage.decode(packet.dropFirst()),
      case .keyResponse(let answer) = try SerfMessage.decode(response.payload[...])
    else { throw Missing() }
    return (answer, effects)
  }

  private func lone(_ keyring: Keyring?, acceptsKeyChanges: Bool = true) -> SerfMembership {
    SerfMembership(
      name: "n0", address: SerfCluster.address(0), tags: [:], profile: .lan, keyring: keyring,
      acceptsKeyChanges: acceptsKeyChanges, seed: 1, now: Instant(nanoseconds: 0))
  }

  @Test func withoutEncryptionThereIsNothingToChange() throws {
    var serf = lone(nil)
    for command in [KeyCommand.install(key(1)), .use(key(1)), .remove(key(1)), .list] {
      let (answer, effects) = try answer(command, &serf)
      #expect(!answer.isSuccess && !answer.message.isEmpty && answer.keys.isEmpty)
      #expect(effects.count == 1)
    }
    #expect(serf.keyring == nil)
  }

  @Test func keysCanBeKept() throws {
    var serf = lone(Keyring(keys: [key(1), key(2)]), acceptsKeyChanges: false)
    for command in [KeyCommand.install(key(3)), .use(key(2)), .remove(key(2))] {
      let (answer, effects) = try answer(command, &serf)
      #expect(!answer.isSuccess && !answer.message.isEmpty)
      #expect(effects.count == 1)
    }
    #expect(try answer(.list, &serf).0.keys.count == 2)
    #expect(serf.keyring?.keys == [key(1), key(2)])
  }

  /// The answer is sealed with the new key: the change comes first.
  @Test func theRingChangesBeforeTheAnswer() throws {
    var serf = lone(Keyring(keys: [key(1)]))
    let (answer, effects) = try answer(.install(key(2)), &serf)
    #expect(answer == .init(isSuccess: true, message: ""))
    #expect(effects.first == .keyringChanged(Keyring(keys: [key(1), key(2)])!))
    // Once more changes nothing.
    #expect(try self.answer(.install(key(2)), &serf).1.count == 1)
  }

  @Test func aReportIsBounded() {
    var report = KeyReport(memberCount: 2000)
    for number in 0..<2000 {
      let keys = (0..<60).map { "key \(number) \($0)" } + [String(repeating: "k", count: 45)]
      let response = SerfMessage.KeyResponse(
        isSuccess: false, message: String(repeating: "x", count: 1000), keys: keys, primaryKey: keys[0])
      report.add(SerfMessage.keyResponse(response).encoded, from: NodeName("n\(number)".utf8))
    }
    report.add([], from: "n0")
    #expect(report.responseCount == 2001 && report.refusalCount == 2001)
    #expect(report.refusals.count == KeyReport.maximumRefusals)
    #expect(report.refusals.allSatisfy { $0.reason.utf8.count <= KeyReport.maximumRefusalBytes })
    #expect(report.keys.count == 64 && report.primaryKeys.count == 64)
    #expect(report.keys.allSatisfy { $0.key.utf8.count <= 44 })
  }
}
