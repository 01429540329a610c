import Basics
import Testing

@testable import Microcloud

private func address(_ last: UInt8) -> SocketAddress {
  SocketAddress(IPAddress(networkBytes: [127, 0, 0, last])!, port: 5000)
}

extension SerfMembership {
  /// What a push/pull says of a member.
  fileprivate func statusTime(of name: NodeName) -> LamportTime? {
    let slots = membership.table.occupiedSlots.filter { isPresent(Int($0)) }
    return MemberStatusTimes(membership.table, presentSlots: slots, gone: gone).first { $0.name == name }?.time
  }
}

struct SerfMembershipTests {
  @Test func tellsADepartureFromAFailure() {
    let cluster = SerfCluster(5)
    #expect(cluster.statuses(at: 3) == [.alive, .alive, .alive, .alive, .alive])
    // Each has said so in logical time.
    for index in 1..<5 { #expect(cluster.nodes[3].statusTime(of: NodeName("n\(index)".utf8))! > 0) }
    cluster.act(1) { $0.leave(now: cluster.now) }
    cluster.run(milliseconds: 4000)
    #expect(cluster.heard[1].contains(.hasLeft))
    cluster.down = [1, 2]
    cluster.run(milliseconds: 15_000)
    for index in [0, 3, 4] {
      #expect(cluster.statuses(at: index) == [.alive, .left, .failed, .alive, .alive])
      #expect(cluster.heard[index].count { $0 == .member("n1", .left) } == 1)
      #expect(cluster.heard[index].count { $0 == .member("n2", .failed) } == 1)
    }
    cluster.restart(1)
    cluster.restart(2)
    cluster.run(milliseconds: 5000)
    for index in 0..<5 { #expect(cluster.statuses(at: index) == [.alive, .alive, .alive, .alive, .alive]) }
  }

  @Test func reachesWhoFailedAgain() {
    let cluster = SerfCluster(4)
    cluster.down = [3]
    cluster.run(milliseconds: 120_000)
    #expect(cluster.statuses(at: 0)[3] == .failed)
    // Memberlist has forgotten it, and it has forgotten the others.
    #expect(cluster.nodes[0].membership.node(named: "n3") == nil)
    #expect(cluster.nodes[3].membership.nodes.count == 1)
    cluster.down = []
    cluster.run(milliseconds: 300_000)
    for index in 0..<4 { #expect(cluster.statuses(at: index) == [.alive, .alive, .alive, .alive]) }
  }

  @Test func forgetsWhoIsGoneForADay() {
    let cluster = SerfCluster(2)
    cluster.down = [1]
    cluster.run(milliseconds: 60_000)
    #expect(cluster.statuses(at: 0) == [.alive, .failed])
    let nextDay = cluster.now.advanced(milliseconds: SerfMembership.goneMilliseconds)
    cluster.act(0) { $0.tick(now: nextDay) }
    #expect(cluster.heard[0].contains(.member("n1", .reaped)))
    #expect(cluster.statuses(at: 0) == [.alive, nil])
  }

  @Test func everybodyHearsAnEventOnce() {
    let cluster = SerfCluster(12)
    for index in 0..<12 {
      cluster.act(index) { $0.sendEvent("deploy", payload: [UInt8(index)], now: cluster.now) }
    }
    cluster.run(milliseconds: 5000)
    for index in 0..<12 {
      let payloads = cluster.heard[index].compactMap { effect -> [UInt8]? in
        if case .userEvent(let event) = effect { event.payload } else { nil }
      }
      #expect(payloads.count == 12)
      #expect(Set(payloads).count == 12)
    }
  }

  @Test func everybodyAnswersAQueryOnce() throws {
    let cluster = SerfCluster(6)
    var id: UInt32?
    cluster.act(2) { serf in
      guard
        let asked = serf.ask(
          "load", filters: [.tag(name: "role", expression: "r[0-4]")],
          wantsAcknowledgement: true, now: cluster.now)
      else { return [] }
      id = asked.id
      return asked.effects
    }
    for _ in 0..<30 {
      cluster.run(milliseconds: 100)
      for index in 0..<6 {
        for case .query(let query) in cluster.heard[index] {
          // Packets may come twice.
          for _ in 0..<2 { cluster.act(index) { $0.respond(to: query, payload: [UInt8(index)]) } }
        }
        if index != 2 { cluster.heard[index] = [] }
      }
      cluster.heard[2].removeAll { if case .query = $0 { true } else { false } }
    }
    #expect(!cluster.heard[2].contains { if case .queryEnded = $0 { true } else { false } })
    cluster.run(milliseconds: 300)
    let responses = cluster.heard[2].compactMap { effect -> SerfMessage.QueryResponse? in
      if case .queryResponse(let response) = effect { response } else { nil }
    }
    let expected = Set((0..<5).map { NodeName("n\($0)".utf8) })
    #expect(responses.count == 10)
    #expect(Set(responses.filter(\.isAcknowledgement).map(\.from)) == expected)
    #expect(Set(responses.filter { !$0.isAcknowledgement }.map(\.from)) == expected)
    #expect(responses.allSatisfy { $0.isAcknowledgement || NodeName("n\($0.payload[0])".utf8) == $0.from })
    // 16 rounds of gossip.
    #expect(cluster.heard[2].last == .queryEnded(id: try #require(id)))
  }

  @Test func onlyMembersAnswerAndOnlyWhatIsOpen() throws {
    var serf = lone()
    let now = Instant(nanoseconds: 0)
    let asked = serf.ask("load", timeoutMilliseconds: 1000, now: now)
    let id = try #require(asked).id
    func response(_ id: UInt32, time: LamportTime, from: NodeName) -> SerfMessage {
      .queryResponse(.init(time: time, id: id, from: from, isAcknowledgement: false))
    }
    #expect(receive(response(id, time: 1, from: "nobody"), &serf) == [])
    #expect(receive(response(id, time: 2, from: "n0"), &serf) == [])
    #expect(receive(response(id &+ 1, time: 1, from: "n0"), &serf) == [])
    #expect(receive(response(id, time: 1, from: "n0"), &serf).count == 1)
    #expect(receive(response(id, time: 1, from: "n0"), &serf) == [])
    for _ in 1..<SerfMembership.maximumOpenQueries { _ = serf.ask("load", now: now) }
    let tooMany = serf.ask("load", now: now)
    #expect(tooMany == nil)
    #expect(serf.tick(now: now.advanced(milliseconds: 1000)) == [.queryEnded(id: id)])
    let next = serf.ask("load", now: now)
    #expect(next != nil)
  }

  @Test func tagsArriveAsMeta() throws {
    let cluster = SerfCluster(3)
    cluster.act(2) { $0.update(tags: ["role": "new"], now: cluster.now) }
    cluster.run(milliseconds: 3000)
    #expect(cluster.heard[0] == [.member("n2", .updated)])
    #expect(try Tags(meta: cluster.nodes[0].membership.node(named: "n2")!.meta) == ["role": "new"])
  }

  // MARK: Messages, as unmodified agents send them

  private func lone() -> SerfMembership {
    SerfMembership(
      name: "n0", address: address(12), tags: ["role": "web"], profile: .lan, seed: 1, now: Instant(nanoseconds: 0))
  }

  private func receive(_ message: SerfMessage, _ serf: inout SerfMembership) -> [SerfEffect] {
    serf.receive(.user(message.encoded), from: address(99), now: Instant(nanoseconds: 0))
  }

  @Test func acknowledgesAPing() throws {
    let query = bytes(
      "08048ba441646472a47f00000ba746696c74657273c0a5466c61677301a24944ce5b91a47ba54c54696d6501a44e616d65aa5f736572665f70696e67a75061796c6f6164c0a4506f7274cd1388ab52656c6179466163746f7200aa536f757263654e6f6465a26e30a754696d656f7574cebebc2000"
    )
    let ack = bytes("080585a5466c61677301a446726f6da26e30a24944ce5b91a47ba54c54696d6501a75061796c6f6164c0")
    var serf = lone()
    let message = try MemberlistPacket.decode(query[...]).messages[0]
    let effects = serf.receive(message, from: address(99), now: Instant(nanoseconds: 0))
    #expect(effects == [.send(ack, to: address(11))])
    #expect(serf.membership.isBroadcasting(.query, key: []))
    // It comes many times.
    #expect(serf.receive(message, from: address(99), now: Instant(nanoseconds: 0)) == [])
    #expect(serf.queryClock.time == 2)
  }

  @Test func answersQueriesThatAreForIt() {
    var serf = lone()
    var query = SerfMessage.Query(
      time: 5, id: 1, source: address(11), sourceNode: "n1", timeoutNanoseconds: 1, name: "load")
    #expect(receive(.query(query), &serf) == [.query(query)])
    let response = SerfMessage.queryResponse(.init(time: 5, id: 1, from: "n0", isAcknowledgement: false, payload: [9]))
    #expect(
      serf.respond(to: query, payload: [9])
        == [.send(MemberlistMessage.user(response.encoded).encoded, to: address(11))])
    #expect(serf.respond(to: query, payload: [UInt8](repeating: 0, count: 1024)) == [])
    query.id = 2
    query.filters = [.tag(name: "role", expression: "^db")]
    #expect(receive(.query(query), &serf) == [])
    #expect(serf.membership.isBroadcasting(.query, key: []))
    query.id = 3
    query.filters = [.tag(name: "role", expression: "^web"), .nodes(["n0"])]
    #expect(receive(.query(query), &serf) == [.query(query)])
  }

  @Test func passesOnNoQueryThatIsNotToBe() {
    var serf = lone()
    let query = SerfMessage.Query(
      time: 5, id: 1, source: address(11), sourceNode: "n1", flags: .isNotRebroadcast, timeoutNanoseconds: 1,
      name: "load")
    #expect(receive(.query(query), &serf) == [.query(query)])
    #expect(!serf.membership.isBroadcasting(.query, key: []))
  }

  // MARK: Logical time

  @Test func saysThatItIsThereWhereAnOldLeaveSaysOtherwise() {
    var serf = lone()
    #expect(receive(.leave(.init(time: 40, node: "n0")), &serf) == [])
    #expect(serf.memberClock.time == 42)
    #expect(serf.statusTime(of: "n0") == 41)
    #expect(serf.membership.isBroadcasting(.intent, key: Array("n0".utf8)))
    #expect(serf.status(of: "n0") == .alive)
  }

  @Test func intentsCountInTheirOrder() {
    var serf = lone()
    let alive = MemberlistMessage.Alive(
      incarnation: 1, node: "n1", address: address(13), meta: [0xFF, 0x80], versions: .ours)
    // One that comes before the member does.
    _ = receive(.leave(.init(time: 9, node: "n1")), &serf)
    #expect(serf.receive(.alive(alive), from: address(13), now: Instant(nanoseconds: 0)) == [.member("n1", .joined)])
    #expect(serf.status(of: "n1") == .leaving)
    _ = receive(.join(.init(time: 9, node: "n1")), &serf)
    #expect(serf.status(of: "n1") == .leaving)
    _ = receive(.join(.init(time: 10, node: "n1")), &serf)
    #expect(serf.status(of: "n1") == .alive)
    let dead = MemberlistMessage.dead(.init(incarnation: 1, node: "n1", from: "n2"))
    #expect(serf.receive(dead, from: address(13), now: Instant(nanoseconds: 0)) == [.member("n1", .failed)])
    #expect(receive(.leave(.init(time: 10, node: "n1")), &serf) == [])
    #expect(receive(.leave(.init(time: 11, node: "n1")), &serf) == [.member("n1", .left)])
    #expect(receive(.leave(.init(time: 12, node: "n1", prunes: true)), &serf) == [.member("n1", .reaped)])
    #expect(serf.status(of: "n1") == nil)
  }

  @Test func earlyIntentsAreBounded() {
    var serf = lone()
    for number in 0..<10_000 as Range<UInt64> {
      _ = receive(.join(.init(time: .init(rawValue: number), node: NodeName("liar\(number)".utf8))), &serf)
    }
    #expect(serf.earlyIntents.count == SerfMembership.maximumEarlyIntents)
    #expect(serf.membership.nodes.count == 1)
  }

  @Test func aClockIsLaterThanAllItSaw() {
    var clock = LamportClock(time: 1)
    #expect(clock.tick() == 1)
    #expect(clock.witness(1) == true)
    #expect(clock.time == 2)
    #expect(clock.witness(9) == true)
    #expect(clock.time == 10)
    #expect(clock.witness(3) == true)
    #expect(clock.tick() == 10)
    for absurd in [UInt64.max, UInt64.max - 1, 1 << 33] as [UInt64] {
      #expect(clock.witness(LamportTime(rawValue: absurd)) == false)
    }
    #expect(clock.time == 11)
  }

  @Test func whatIsTooOldIsNotHeardAgain() {
    var recent = RecentMessages(from: 1)
    let now: LamportTime = 600
    #expect(recent.insert(time: 599, now: now, content: [1]) == true)
    #expect(recent.insert(time: 599, now: now, content: [1]) == false)
    #expect(recent.insert(time: 599, now: now, content: [2]) == true)
    #expect(recent.insert(time: 88, now: now, content: [1]) == true)
    #expect(recent.insert(time: 87, now: now, content: [1]) == false)
    for number in 0..<100 as Range<UInt8> { _ = recent.insert(time: 500, now: now, content: [number]) }
    #expect(recent.insert(time: 501, now: now, content: [99]) == true)
    #expect(recent.insert(time: 500, now: now, content: [99]) == false)
    #expect(recent.insert(time: 500, now: now, content: [101]) == false)
  }
}
