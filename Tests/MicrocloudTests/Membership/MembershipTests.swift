import Basics
import TestSupport
import Testing

@testable import Microcloud

private func address(_ last: UInt8) -> SocketAddress {
  SocketAddress(IPAddress(networkBytes: [127, 0, 0, last])!, port: 5000)
}

private let versions = ProtocolVersions(bytes: [1, 5, 2, 2, 5, 5])!

/// One member whose peers are played by the test.
private struct Lone {
  var membership: Membership
  var now = Instant(nanoseconds: 0)

  init(
    _ name: NodeName = "n0", profile: MembershipProfile = .lan, limits: MembershipLimits = MembershipLimits(),
    knowing peers: Range<UInt8> = 0..<0, versions: ProtocolVersions = versions
  ) {
    membership = Membership(
      name: name, address: address(11), meta: [0xFF, 0x80], profile: profile, limits: limits, seed: 1, now: now)
    for peer in peers { hear(.alive(alive(peer, versions: versions))) }
  }

  @discardableResult
  mutating func hear(_ message: MemberlistMessage, from source: SocketAddress = address(99)) -> [MembershipEffect] {
    membership.receive(message, from: source, now: now)
  }

  /// Lets time pass up to the end of so many milliseconds.
  mutating func run(milliseconds: UInt64) -> [MembershipEffect] {
    let end = now.advanced(milliseconds: milliseconds)
    var effects: [MembershipEffect] = []
    while let deadline = membership.nextDeadline, deadline <= end {
      now = max(now, deadline)
      effects += membership.tick(now: now)
    }
    now = end
    return effects
  }
}

/// The member `n<number>` at 127.0.0.<11 + number>.
private func alive(
  _ number: UInt8, incarnation: UInt32 = 1, meta: [UInt8] = [0xFF, 0x80], versions: ProtocolVersions? = versions
) -> MemberlistMessage.Alive {
  .init(
    incarnation: incarnation, node: NodeName("n\(number)".utf8), address: address(11 + number), meta: meta,
    versions: versions)
}

private func accusation(_ node: NodeName, incarnation: UInt32 = 1, from: NodeName) -> MemberlistMessage.Accusation {
  .init(incarnation: incarnation, node: node, from: from)
}

/// All messages that are sent, and to whom.
private func sent(_ effects: [MembershipEffect]) -> [(message: MemberlistMessage, to: SocketAddress)] {
  effects.flatMap { effect -> [(MemberlistMessage, SocketAddress)] in
    guard case .send(let bytes, let address) = effect else { return [] }
    return try! MemberlistPacket.decode(bytes[...]).messages.map { ($0, address) }
  }
}

private func changes(_ effects: [MembershipEffect]) -> [MemberChange] {
  effects.compactMap { if case .member(_, let change) = $0 { change } else { nil } }
}

struct MembershipTests {
  // MARK: Bytes, as unmodified agents send them

  @Test func answersAPing() throws {
    let ping = bytes(
      "0085a44e6f6465a26e31a55365714e6f01aa536f7572636541646472a47f00000baa536f757263654e6f6465a26e30aa536f75726365506f7274cd1388"
    )
    var lone = Lone("n1")
    let ack = [0x02, 0x82, 0xA7] + Array("Payload".utf8) + [0xC0, 0xA5] + Array("SeqNo".utf8) + [1]
    #expect(lone.hear(try MemberlistPacket.decode(ping[...]).messages[0]) == [.send(ack, to: address(11))])
    var other = Lone("n2")
    #expect(other.hear(try MemberlistPacket.decode(ping[...]).messages[0]) == [])
  }

  @Test func tellsMembersWhatIsNewAlongWithAnAnswer() {
    var lone = Lone(knowing: 1..<2)
    let ping = MemberlistMessage.ping(.init(sequence: 1, node: "n0", prober: .init(address: address(12), name: "n1")))
    let short = MemberlistMessage.ping(.init(sequence: 1, node: "n0"))
    for (message, source) in [(ping, address(50)), (short, address(12))] {
      var lone = Lone(knowing: 1..<2)
      let answer = sent(lone.hear(message, from: source)).map(\.message)
      #expect(answer.first == .ack(sequence: 1, payload: []))
      #expect(answer.contains(.alive(alive(1))))
    }
    // Whoever is no member does not use up what is to be told.
    #expect(sent(lone.hear(short, from: address(50))).count == 1)
  }

  @Test func comparesPeriodically() {
    var lone = Lone(knowing: 1..<3)
    var count = 0
    for _ in 0..<1000 {
      for effect in lone.run(milliseconds: 100) {
        switch effect {
        case .openStream(let id, _, .pushPull(isJoin: false)):
          count += 1
          _ = lone.membership.receive(.end, on: id, now: lone.now)
        case .send(let bytes, _):
          for case .ping(let ping) in try! MemberlistPacket.decode(bytes[...]).messages {
            lone.hear(.ack(sequence: ping.sequence, payload: []))
          }
        default: break
        }
      }
    }
    #expect(count == 3 || count == 4)
    #expect(lone.membership.health == 0)
  }

  @Test func gossipsToTheDeadForAWhile() {
    var lone = Lone(profile: .lan, knowing: 1..<3)
    _ = lone.run(milliseconds: 10)
    lone.hear(.dead(accusation("n1", from: "n2")))
    lone.hear(.dead(accusation("n2", from: "n2")))
    func recipients() -> Set<SocketAddress> {
      _ = lone.membership.update(meta: [1], now: lone.now)
      return Set(sent(lone.run(milliseconds: 2000)).map(\.to))
    }
    #expect(recipients() == [address(12)])
    _ = lone.run(milliseconds: 26_000)
    #expect(recipients() == [address(12)])
    _ = lone.run(milliseconds: 1000)
    #expect(recipients() == [])
    #expect(lone.membership.nodes.count == 1)
  }

  @Test func passesOnAnAliveAsItCame() throws {
    let packet = bytes(
      "0486a441646472a47f00000cab496e6361726e6174696f6e01a44d657461a2ff80a44e6f6465a26e31a4506f7274cd1388a356736ea6010502020505"
    )
    var lone = Lone()
    let effects = lone.hear(try MemberlistPacket.decode(packet[...]).messages[0])
    #expect(effects == [.member("n1", .joined)])
    let gossip = sent(lone.run(milliseconds: 200)).map(\.message.encoded)
    #expect(gossip.contains(packet))
    let ours = bytes(
      "0486a441646472a47f00000bab496e6361726e6174696f6e01a44d657461a2ff80a44e6f6465a26e30a4506f7274cd1388a356736ea6010202020504"
    )
    #expect(gossip.contains(ours))
  }

  @Test func refutesASuspicion() throws {
    let suspect = bytes("0383a446726f6da26e31ab496e6361726e6174696f6e01a44e6f6465a26e32")
    var lone = Lone("n2", knowing: 3..<4)
    #expect(lone.hear(try MemberlistPacket.decode(suspect[...]).messages[0]) == [])
    let refutation = bytes(
      "0486a441646472a47f00000bab496e6361726e6174696f6e02a44d657461a2ff80a44e6f6465a26e32a4506f7274cd1388a356736ea6010202020504"
    )
    #expect(sent(lone.run(milliseconds: 200)).map(\.message.encoded).contains(refutation))
    #expect(lone.membership.health == 1)
  }

  // MARK: Order of incarnations

  @Test func aHigherIncarnationWins() {
    var lone = Lone(knowing: 1..<2)
    #expect(lone.hear(.alive(alive(1, meta: [1]))) == [])
    #expect(lone.hear(.alive(alive(1, incarnation: 2, meta: [1]))) == [.member("n1", .updated)])
    #expect(lone.hear(.suspect(accusation("n1", from: "n2"))) == [])
    #expect(lone.hear(.suspect(accusation("n1", incarnation: 2, from: "n2"))) == [.member("n1", .suspected)])
    #expect(lone.hear(.alive(alive(1, incarnation: 2, meta: [1]))) == [])
    #expect(lone.hear(.alive(alive(1, incarnation: 3, meta: [1]))) == [.member("n1", .cleared)])
    #expect(lone.hear(.dead(accusation("n1", incarnation: 3, from: "n2"))) == [.member("n1", .failed)])
    #expect(lone.hear(.dead(accusation("n1", incarnation: 4, from: "n1"))) == [])
    #expect(lone.hear(.alive(alive(1, incarnation: 4, meta: [1]))) == [.member("n1", .joined)])
    #expect(lone.hear(.dead(accusation("n1", incarnation: 4, from: "n1"))) == [.member("n1", .left)])
    #expect(lone.hear(.suspect(accusation("nobody", from: "n1"))) == [])
    #expect(lone.membership.nodes.count == 2)
  }

  @Test func whatOthersSayOfUsHasToBeWhatWeSay() {
    var lone = Lone(knowing: 1..<2)
    func incarnation() -> UInt32 { lone.membership.node(named: "n0")!.incarnation }
    lone.hear(.alive(alive(0, versions: .ours)))
    #expect(incarnation() == 1)
    lone.hear(.alive(alive(0, meta: [9], versions: .ours)))
    #expect(incarnation() == 2)
    lone.hear(.alive(alive(0, incarnation: 70, versions: .ours)))
    #expect(incarnation() == 71)
    lone.hear(.dead(accusation("n0", incarnation: 70, from: "n1")))
    #expect(incarnation() == 71)
    lone.hear(.dead(accusation("n0", incarnation: 90, from: "n0")))
    #expect(incarnation() == 91)
    #expect(lone.membership.node(named: "n0")?.state == .alive)
    #expect(lone.membership.node(named: "n0")?.meta == [0xFF, 0x80])
  }

  @Test func aMemberThatLeftMayMove() {
    var lone = Lone(knowing: 1..<2)
    var moved = alive(1)
    moved.address = address(200)
    let conflict = [MembershipEffect.conflict("n1", known: address(12), other: address(200))]
    #expect(lone.hear(.alive(moved)) == conflict)
    lone.hear(.dead(accusation("n1", from: "n2")))
    #expect(lone.hear(.alive(moved)) == conflict)
    lone.hear(.alive(alive(1, incarnation: 2)))
    lone.hear(.dead(accusation("n1", incarnation: 2, from: "n1")))
    #expect(lone.hear(.alive(moved)) == [.member("n1", .joined)])
    #expect(lone.membership.node(named: "n1")?.address == address(200))
  }

  @Test func keepsOutWhatPeersWouldRefuse() {
    var lone = Lone()
    for said in ["000502020505", "010502020500", "010502000000", "030503020505", "050102020505"] {
      let versions = ProtocolVersions(bytes: bytes(said))
      #expect(lone.hear(.alive(alive(1, versions: versions))) == [])
    }
    #expect(lone.hear(.alive(alive(1, versions: nil))) == [])
    #expect(lone.membership.nodes.count == 1)
    lone.hear(.alive(alive(1, versions: versions)))
    #expect(lone.membership.nodes.allSatisfy { $0.versions?.isValid == true })
  }

  // MARK: Probes

  @Test func probesInRoundsThenAsksOthersThenSuspects() {
    var lone = Lone(knowing: 1..<6)
    _ = lone.run(milliseconds: 5000)
    lone = Lone(knowing: 1..<6)
    var probed: [NodeName] = []
    for _ in 0..<5 {
      var ping: MemberlistMessage.Ping?
      while ping == nil {
        for case (.ping(let found), _) in sent(lone.run(milliseconds: 10)) { ping = found }
      }
      probed.append(ping!.node)
      #expect(ping!.prober == nil)
      lone.hear(.ack(sequence: ping!.sequence, payload: []))
    }
    #expect(Set(probed).count == 5)
    let effects = lone.run(milliseconds: 2001)
    let requests = sent(effects).filter { if case .indirectPing = $0.message { true } else { false } }
    #expect(requests.count >= 3)
    #expect(Set(requests.prefix(3).map(\.to)).count == 3)
    #expect(changes(effects).first == .suspected)
    #expect(lone.membership.health >= 1)
  }

  @Test func asksAMemberOverAStreamWhereItUnderstandsThat() {
    var lone = Lone(knowing: 1..<2)
    var stream: MembershipEffect?
    for _ in 0..<160 where stream == nil {
      stream = lone.run(milliseconds: 10).first { if case .openStream(_, _, .message) = $0 { true } else { false } }
    }
    guard case .openStream(let id, address(12), .message(let ping)) = stream else {
      Issue.record("no stream")
      return
    }
    guard case .ping(let sent) = try? MemberlistPacket.decode(ping[...]).messages[0] else {
      Issue.record("no ping")
      return
    }
    #expect(lone.membership.probe?.sequence == sent.sequence)
    let answer = lone.membership.receive(.message(.ack(sequence: sent.sequence, payload: [])), on: id, now: lone.now)
    #expect(answer == [.closeStream(id)])
    #expect(lone.membership.probe == nil)
    var old = Lone(knowing: 1..<2, versions: .ours)
    let none = old.run(milliseconds: 1600).contains {
      if case .openStream(_, _, .message) = $0 { true } else { false }
    }
    #expect(!none)
  }

  @Test func tellsASuspectWhatItHasToRefute() {
    var lone = Lone(knowing: 1..<2)
    lone.hear(.suspect(accusation("n1", from: "n2")))
    let packet = lone.run(milliseconds: 1000).compactMap { effect -> [MemberlistMessage]? in
      guard case .send(let bytes, _) = effect else { return nil }
      let messages = try! MemberlistPacket.decode(bytes[...]).messages
      if case .ping = messages[0] { return messages }
      return nil
    }.first
    #expect(packet?.dropFirst().first == .suspect(accusation("n1", from: "n0")))
  }

  @Test func probesForOthers() {
    var lone = Lone(knowing: 1..<3)
    _ = lone.run(milliseconds: 150)
    func request(_ sequence: UInt32, _ node: NodeName, _ target: SocketAddress) -> MemberlistMessage {
      .indirectPing(.init(sequence: sequence, target: target, node: node, wantsNack: true))
    }
    let pings = sent(lone.hear(request(7, "n1", address(12)), from: address(13)))
    guard case .ping(let ping)? = pings.first?.message else {
      Issue.record("no ping")
      return
    }
    #expect(pings[0].to == address(12) && ping.node == "n1" && ping.sequence != 7)
    let acks = sent(lone.hear(.ack(sequence: ping.sequence, payload: [1]), from: address(12)))
    #expect(acks.first?.message == .ack(sequence: 7, payload: []) && acks.first?.to == address(13))
    // Nobody but members is sent packets to.
    #expect(lone.hear(request(8, "n9", address(50)), from: address(13)) == [])
    #expect(lone.hear(request(8, "n1", address(50)), from: address(13)) == [])
    lone.hear(request(9, "n2", address(13)), from: address(12))
    let before = sent(lone.run(milliseconds: 499))
    let after = sent(lone.run(milliseconds: 2))
    #expect(!before.contains { $0.message == .nack(sequence: 9) })
    #expect(after.contains { $0.message == .nack(sequence: 9) && $0.to == address(12) })
  }

  @Test func probesMoreSlowlyWhereItSeemsDeafItself() {
    var lone = Lone(knowing: 1..<9)
    for _ in 0..<20 { lone.hear(.suspect(accusation("n0", incarnation: 100, from: "n1"))) }
    #expect(lone.membership.health == 1)
    for incarnation in 101...120 as ClosedRange<UInt32> {
      lone.hear(.suspect(accusation("n0", incarnation: incarnation, from: "n1")))
    }
    #expect(lone.membership.health == 7)
    _ = lone.run(milliseconds: 1000)
    let pings = sent(lone.run(milliseconds: 8000)).filter { if case .ping = $0.message { true } else { false } }
    #expect(pings.count == 1)
    for case .ping(let ping) in pings.map(\.message) { lone.hear(.ack(sequence: ping.sequence, payload: [])) }
    #expect(lone.membership.health == 6)
  }

  // MARK: Streams

  @Test func deadInAPushPullIsNoMoreThanASuspicion() {
    var lone = Lone(knowing: 1..<3)
    let id = lone.membership.acceptStream(now: lone.now)!
    func merge(
      _ number: UInt8, _ state: PushPullNodeState, versions: ProtocolVersions? = versions
    ) -> [MembershipEffect] {
      let said = alive(number)
      let node = PushPullNode(
        name: said.node, address: said.address, incarnation: 1, meta: said.meta, state: state, versions: versions)
      return lone.membership.receive(.node(node), on: id, now: lone.now)
    }
    _ = lone.membership.receive(
      .pushPull(.init(isJoin: true, nodeCount: 6, userStateBytes: 0)), on: id, now: lone.now)
    #expect(merge(1, .dead) == [.member("n1", .suspected)])
    #expect(merge(2, .left) == [.member("n2", .left)])
    #expect(merge(3, .alive) == [.member("n3", .joined)])
    #expect(merge(4, .alive, versions: nil) == [])
    #expect(merge(5, .dead) == [])
    #expect(merge(0, .dead) == [])
    #expect(lone.membership.node(named: "n0")?.incarnation == 2)
    #expect(
      lone.membership.receive(.state(.memberClock(5)), on: id, now: lone.now) == [.userState(.memberClock(5), on: id)])
    #expect(
      lone.membership.receive(.end, on: id, now: lone.now) == [.answer(id, saying: .pushPull(isJoin: true))])
    #expect(lone.membership.receive(.end, on: id, now: lone.now) == [])
  }

  @Test func answersPingsAndTakesMessagesOnStreams() {
    var lone = Lone()
    let first = lone.membership.acceptStream(now: lone.now)!
    let ack = MemberlistMessage.ack(sequence: 3, payload: []).encoded
    let ping = MemberlistMessage.ping(.init(sequence: 3, node: "n0"))
    #expect(
      lone.membership.receive(.message(ping), on: first, now: lone.now) == [.answer(first, saying: .message(ack))])
    let second = lone.membership.acceptStream(now: lone.now)!
    #expect(
      lone.membership.receive(.message(.user([1])), on: second, now: lone.now) == [.user([1]), .closeStream(second)])
    let third = lone.membership.acceptStream(now: lone.now)!
    let stray = MemberlistMessage.ping(.init(sequence: 3, node: "n9"))
    #expect(lone.membership.receive(.message(stray), on: third, now: lone.now) == [.closeStream(third)])
  }

  @Test func closesStreamsThatDoNotEnd() {
    var lone = Lone()
    var accepted: [MembershipStreamID] = []
    while let id = lone.membership.acceptStream(now: lone.now) { accepted.append(id) }
    #expect(accepted.count == MembershipLimits().acceptedStreams)
    #expect(lone.run(milliseconds: 9999) == [])
    #expect(lone.run(milliseconds: 1) == accepted.map { .closeStream($0) })
    #expect(lone.membership.acceptStream(now: lone.now) != nil)
  }

  /// Else peers that ask for all we know, and do not read it, could have any number of streams open.
  @Test func anAnswerTakesUpItsStreamUntilItHasEnded() {
    var lone = Lone()
    let limit = MembershipLimits().acceptedStreams
    let accepted = (0..<limit).map { _ in lone.membership.acceptStream(now: lone.now)! }
    for id in accepted {
      #expect(lone.membership.receive(.end, on: id, now: lone.now) == [.answer(id, saying: .pushPull(isJoin: false))])
    }
    #expect(lone.membership.acceptStream(now: lone.now) == nil)
    #expect(lone.membership.streamEnded(accepted[0], now: lone.now) == [])
    #expect(lone.membership.acceptStream(now: lone.now) != nil)
    #expect(lone.run(milliseconds: 10_000).prefix(limit - 1) == accepted.dropFirst().map { .closeStream($0) }[...])
  }

  // MARK: Broadcasts

  @Test(arguments: [(8, 4), (9, 8), (98, 8), (99, 12)]) func sendsABroadcastSoManyTimes(peers: Int, times: Int) {
    var lone = Lone(knowing: 1..<UInt8(peers + 1))
    _ = lone.run(milliseconds: 60_000)
    for peer in 1...peers { lone.hear(.alive(alive(UInt8(peer), incarnation: 1000))) }
    _ = lone.run(milliseconds: 60_000)
    for peer in 1...peers { lone.hear(.alive(alive(UInt8(peer), incarnation: 2000))) }
    #expect(lone.membership.nodes.count == peers + 1)
    _ = lone.membership.broadcast(user: [42], kind: .event, now: lone.now)
    let copies = sent(lone.run(milliseconds: 20_000)).count { $0.message == .user([42]) }
    #expect(copies == times)
    #expect(!lone.membership.isBroadcasting(.event, key: []))
  }

  // MARK: Liars

  /// Lets the peers 1 and 2 answer our probes; what else is sent meanwhile is gone.
  private func withAnswers(_ lone: inout Lone) {
    for _ in 0..<40 {
      for (message, to) in sent(lone.run(milliseconds: 100)) {
        if case .ping(let ping) = message { lone.hear(.ack(sequence: ping.sequence, payload: []), from: to) }
      }
    }
  }

  @Test func whoHasAnsweredHearsAtOnceThatItIsSaidToBeDead() {
    var lone = Lone(knowing: 1..<3)
    #expect(sent(lone.hear(.dead(accusation("n1", from: "n9")))).isEmpty)
    lone.hear(.alive(alive(1, incarnation: 2)))
    withAnswers(&lone)
    let dead = accusation("n1", incarnation: 2, from: "n9")
    let told = sent(lone.hear(.dead(dead)))
    #expect(told.map(\.message) == [.dead(dead)] && told.map(\.to) == [address(12)])
    #expect(sent(lone.hear(.dead(dead))).isEmpty)
  }

  @Test func aMemberThatTellsUsOfAnAccusationHearsTheRefutation() throws {
    var lone = Lone(knowing: 1..<3)
    // A stranger's address may be anybody's.
    #expect(sent(lone.hear(.dead(accusation("n0", from: "n9")), from: address(12))).isEmpty)
    withAnswers(&lone)
    #expect(sent(lone.hear(.dead(accusation("n0", incarnation: 5, from: "n9")), from: address(50))).isEmpty)
    for (number, kind) in [MemberlistMessage.dead, MemberlistMessage.suspect].enumerated() {
      let incarnation = UInt32(10 + number)
      let told = sent(lone.hear(kind(accusation("n0", incarnation: incarnation, from: "n9")), from: address(12)))
      #expect(told.map(\.to) == [address(12)])
      guard case .alive(let alive)? = told.first?.message else {
        Issue.record("no refutation")
        continue
      }
      #expect(alive.node == "n0" && alive.incarnation == incarnation + 1)
    }
  }

  /// However many others there are to tell of.
  @Test func whatWeSayOfOurselvesGoesFirst() {
    var lone = Lone(knowing: 1..<120)
    lone.hear(.suspect(accusation("n0", from: "n1")))
    let first = sent(lone.run(milliseconds: 200)).first { if case .ping = $0.message { false } else { true } }
    guard case .alive(let alive)? = first?.message else {
      Issue.record("no alive")
      return
    }
    #expect(alive.node == "n0" && alive.incarnation == 2)
  }

  @Test func inventedMembersTakeNoMoreThanTheirPlace() {
    var limits = MembershipLimits()
    limits.members = 300
    limits.broadcasts = 100
    var lone = Lone(limits: limits, knowing: 1..<11)
    var joined = 0
    for number in 0..<100_000 as Range<UInt32> {
      let effects = lone.hear(
        .alive(
          .init(
            incarnation: 1, node: NodeName("liar\(number)".utf8),
            address: SocketAddress(.v4(number), port: 1), meta: [], versions: versions)))
      joined += changes(effects).count
    }
    #expect(joined == 300 - 11)
    #expect(lone.membership.nodes.count == 300)
    #expect(lone.membership.queue.count == 100)
    for peer in 0..<11 as Range<UInt8> {
      #expect(lone.membership.node(named: NodeName("n\(peer)".utf8))?.state == .alive)
    }
    // Whoever went first makes room, and nobody else.
    lone.hear(.dead(accusation("liar1", from: "n1")))
    lone.now = lone.now.advanced(milliseconds: 1)
    lone.hear(.dead(accusation("liar2", from: "n1")))
    #expect(lone.hear(.alive(alive(60))) == [.member("liar1", .forgotten), .member("n60", .joined)])
    #expect(lone.hear(.alive(alive(61))) == [.member("liar2", .forgotten), .member("n61", .joined)])
    #expect(lone.hear(.alive(alive(62))) == [])
    #expect(lone.membership.nodes.count == 300)
  }

  @Test func absurdIncarnationsAreNotBelieved() {
    var lone = Lone(knowing: 1..<2)
    for incarnation in [UInt32.max, 1 << 31, 1 + (1 << 30)] as [UInt32] {
      #expect(lone.hear(.dead(accusation("n1", incarnation: incarnation, from: "n1"))) == [])
      #expect(lone.hear(.suspect(accusation("n0", incarnation: incarnation, from: "n1"))) == [])
      #expect(lone.hear(.alive(alive(1, incarnation: incarnation))) == [])
    }
    #expect(lone.hear(.alive(alive(2, incarnation: UInt32.max))) == [])
    #expect(lone.membership.nodes.map(\.incarnation) == [1, 1])
    #expect(lone.hear(.suspect(accusation("n1", incarnation: 2 + (1 << 24), from: "n2"))) == [])
  }

  /// One that was cut off while a liar made a member refute again and again still learns what it says of itself; only
  /// from far up does it go up by steps.
  @Test func whatWasMissedWhileAnotherRefutedIsCaughtUpWith() {
    var lone = Lone(knowing: 1..<2)
    for (number, incarnation) in [2 + (1 << 26), 1 << 30, (1 << 30) + (1 << 26)].enumerated() {
      let meta = [0xFF, 0x80, UInt8(number)]
      let said = alive(1, incarnation: UInt32(incarnation), meta: meta)
      #expect(lone.hear(.alive(said)) == [.member("n1", .updated)])
      #expect(lone.membership.node(named: "n1")?.meta == meta)
    }
    #expect(lone.hear(.alive(alive(1, incarnation: (1 << 30) + (2 << 26) + 1))) == [])
  }

  @Test func tooMuchIsNotTaken() {
    var lone = Lone()
    let long = NodeName([UInt8](repeating: 0x61, count: 256))
    var message = alive(1)
    message.node = long
    #expect(lone.hear(.alive(message)) == [])
    #expect(lone.hear(.alive(alive(1, meta: [UInt8](repeating: 1, count: 2049)))) == [])
    #expect(lone.hear(.alive(alive(1, meta: [UInt8](repeating: 1, count: 2048)))) == [.member("n1", .joined)])
    for number in 0..<1000 as Range<UInt32> {
      lone.hear(.indirectPing(.init(sequence: number, target: address(12), node: "n1", wantsNack: false)))
    }
    #expect(lone.membership.relays.count == MembershipLimits().relayedProbes)
  }

  /// A board has to hold thousands, each in two memberships.
  @Test func aMemberIsSmall() {
    #expect(MemoryLayout<MemberFields>.stride == 64)
    #expect(MemoryLayout<MemberFields?>.stride == 64)
  }

  /// Members come, go, move and say longer and shorter things in all the slots of several pieces.
  @Test func theTableKeepsEachMembersTexts() {
    var random = SeededGenerator(seed: 1)
    var table = MemberTable()
    var known: [NodeName: MemberlistMessage.Alive] = [:]
    for _ in 0..<3000 {
      let name = NodeName("node-\(random.below(150))".utf8.prefix(5 + random.below(4)))
      let ip = random.oneIn(2) ? IPAddress.v4(UInt32(random.below(1000))) : .v6(high: random.next(), low: 1)
      let alive = MemberlistMessage.Alive(
        incarnation: UInt32(random.below(9)), node: name, address: SocketAddress(ip, port: UInt16(random.below(9))),
        meta: random.bytes(upTo: 80), versions: versions)
      if let slot = table.slot(of: name), random.oneIn(3) {
        table.remove(slot: slot)
        known[name] = nil
      } else if let slot = table.slot(of: name) {
        table.replace(slot, with: table[slot].updated(from: alive, versions: versions))
        known[name] = alive
      } else {
        let slot = table.insert(MemberEntry(alive, versions: versions, now: Instant(nanoseconds: 0)))
        table[slot].serf.statusTime = 7
        known[name] = alive
      }
      #expect(table.count == known.count)
    }
    #expect(known.count > 64)
    for (name, alive) in known {
      let node = table[table.slot(of: name)!].node
      #expect(node.name == name && node.address == alive.address && node.meta == alive.meta)
      #expect(node.incarnation == alive.incarnation && table[table.slot(of: name)!].serf.statusTime == 7)
    }
    let names = MemberNodes(table).map(\.name)
    #expect(names == names.sorted { $0.bytes[...].precedes($1) })
  }
}
