// sources: Sources/Microcloud/CBOR Sources/Microcloud/CoAP Sources/Basics
// A node with both roles, under any datagrams at any times. The input is a row of steps: a byte that says what happens, one
// that says how much time passes before, and for a datagram one of length and the datagram, whose message id and token may be
// replaced by those of something that was sent. Whatever happens, memory is bounded, to strangers goes three times what came
// from them at most, each request of ours ends once, none under work is handed out twice, and no deadline stays in the past.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzCoAPEndpoint(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var story = Story(rest: Array(UnsafeBufferPointer(start: start, count: count))[...])
  while story.step() {}
  story.finish()
  return 0
}

private struct Story {
  static var limits: CoAPLimits {
    var limits = CoAPLimits()
    limits.peers = 12
    limits.strangers = 4
    limits.rememberedPerPeer = 6
    limits.rememberedBytes = 3000
    limits.requests = 8
    limits.deliveries = 10
    limits.delayedAnswers = 3
    return limits
  }

  var rest: ArraySlice<UInt8>
  var node = CoAPEndpoint(limits: Story.limits, digest: { Checksum.of($0) })
  var receiver = CoAPBlockReceiver()
  var observers = CoAPObservers(maximumCount: 6, maximumPerPeer: 3)
  var now = Instant(nanoseconds: 1)
  var open: [CoAPRequestHandle] = []
  /// Of our exchanges those that have not ended.
  var asked: [CoAPExchangeID: Bool] = [:]
  var lastSent: [UInt8] = []
  var received: [SocketAddress: Int] = [:]
  var sent: [SocketAddress: Int] = [:]
  /// Proven, or talked to by us.
  var known: Set<SocketAddress> = []

  mutating func step() -> Bool {
    guard let kind = rest.popFirst(), let time = rest.popFirst() else { return false }
    // Up to 254 ms, or up to 8 minutes.
    pass(milliseconds: time < 128 ? UInt64(time) * 2 : UInt64(time - 127) * 4000)
    let peer = SocketAddress(.v4(UInt32(kind >> 4)), port: 1)
    switch kind & 0xF {
    case 0: ask(peer, observes: false, isMulticast: false)
    case 1: ask(peer, observes: true, isMulticast: false)
    case 2: ask(SocketAddress(.v4(0xE000_0001), port: 1), observes: false, isMulticast: true)
    case 3: ping(peer)
    case 4: if let id = asked.keys.min(by: { $0.rawValue < $1.rawValue }) { cancel(id) }
    case 5: answer(kind >> 4)
    case 6: for notice in observers.changed(1, now: now) { notify(notice, isConfirmable: kind & 0x10 != 0) }
    case 7: if !open.isEmpty { perform(node.challenge(open.removeFirst(), now: now)) }
    default: receive(kind, from: peer)
    }
    check()
    return true
  }

  mutating func finish() {
    while !open.isEmpty { answer(0) }
    pass(milliseconds: 3_000_000)
    for (_, observes) in asked { precondition(observes, "a request of which nothing was heard") }
    precondition(node.deliveries.isEmpty && node.delayedAnswers.isEmpty && node.pendingAcknowledgements.isEmpty)
  }

  private mutating func receive(_ kind: UInt8, from peer: SocketAddress) {
    guard let length = rest.popFirst() else { return }
    var datagram = Array(rest.prefix(Int(length)))
    rest = rest.dropFirst(datagram.count)
    // What random bytes would never hit: the id, and the token, of what was sent last.
    if kind & 3 != 0, datagram.count >= 4, lastSent.count >= 4 { datagram[2...3] = lastSent[2...3] }
    let tokenBytes = lastSent.isEmpty ? 0 : Int(lastSent[0] & 0xF)
    if kind & 3 == 2, tokenBytes == 8, datagram.count >= 12, lastSent.count >= 12 {
      datagram[0] = datagram[0] & 0xF0 | 8
      datagram[4..<12] = lastSent[4..<12]
    }
    if kind & 3 == 3, case .v4(7) = peer.address { node.prove(peer, now: now) }
    received[peer, default: 0] += datagram.count
    if let place = node.peers.place(of: peer), node.peers[place].isProven { known.insert(peer) }
    let effects = node.receive(datagram, from: peer, isMulticast: kind & 0xC == 0xC, now: now)
    if let place = node.peers.place(of: peer), node.peers[place].isProven { known.insert(peer) }
    perform(effects)
  }

  private mutating func ask(_ peer: SocketAddress, observes: Bool, isMulticast: Bool) {
    var message = CoAPMessage(code: isMulticast || observes ? .get : .post, payload: [1, 2])
    if observes { message.options.add(CoAPOption(.observe, 0)) }
    do throws(CoAPError) {
      let (id, effects) = try node.request(message, to: peer, isMulticast: isMulticast, now: now)
      known.insert(peer)
      asked[id] = observes
      perform(effects)
    } catch {
      precondition(error == .tooMuchUnderWay)
    }
  }

  private mutating func ping(_ peer: SocketAddress) {
    do throws(CoAPError) {
      let (id, effects) = try node.ping(peer, now: now)
      known.insert(peer)
      asked[id] = false
      perform(effects)
    } catch {
      precondition(error == .tooMuchUnderWay)
    }
  }

  private mutating func cancel(_ id: CoAPExchangeID) {
    asked[id] = nil
    perform(node.cancel(id, now: now))
  }

  private mutating func notify(_ notice: CoAPObservers.Notice, isConfirmable: Bool) {
    var message = CoAPMessage(code: .content, token: notice.token, payload: [1])
    message.options.add(CoAPOption(.observe, UInt64(notice.sequence)))
    do throws(CoAPError) {
      let (id, effects) = try node.notify(message, to: notice.peer, isConfirmable: isConfirmable, now: now)
      known.insert(notice.peer)
      observers.sent(notice, as: id)
      perform(effects)
    } catch {
      observers.sent(notice, as: nil)
    }
  }

  private mutating func answer(_ size: UInt8) {
    guard !open.isEmpty else { return }
    let payload = [UInt8](repeating: 1, count: Int(size) * 100)
    perform(node.respond(CoAPMessage(code: .content, payload: payload), to: open.removeFirst(), now: now))
  }

  /// Lets time pass, in as many ticks as are due, of which there must not be too many.
  private mutating func pass(milliseconds: UInt64) {
    let end = now.advanced(milliseconds: milliseconds)
    var ticks = 0
    while let next = node.nextDeadline, next <= end {
      now = max(now, next)
      perform(node.tick(now: now))
      if let later = node.nextDeadline { precondition(later > now, "what was due is still due") }
      ticks += 1
      precondition(ticks < 500, "the node does not rest")
    }
    now = end
  }

  private mutating func perform(_ effects: [CoAPEffect]) {
    for effect in effects {
      switch effect {
      case .send(let bytes, let peer):
        precondition(bytes.count <= CoAPDatagram.maximumSentBytes)
        _ = try! CoAPDatagram(decoding: bytes)
        lastSent = bytes
        sent[peer, default: 0] += bytes.count
        if !known.contains(peer) {
          precondition(sent[peer, default: 0] <= 3 * received[peer, default: 0], "more than three times the bytes")
        }
      case .request(let message, let handle):
        precondition(node.peers.place(of: handle.source) != nil, "a request of nobody")
        precondition(
          !open.contains { $0.source == handle.source && $0.messageID == handle.messageID }, "a request twice")
        open.append(handle)
        precondition(open.count <= Story.limits.peers * Story.limits.rememberedPerPeer)
        if message.options.unsigned(.observe) == 0 {
          _ = observers.register(handle.source, token: handle.token, resource: 1, now: now)
        }
        if case .complete(let whole) = receiver.receive(message, from: handle.source, now: now) {
          _ = CoAPBody([UInt8](repeating: 1, count: 3000)).response(to: whole)
        }
      case .response(let id, _, _): precondition(asked[id] != nil, "a response to nothing")
        if asked[id] == false, !node.exchanges.contains(where: { $0.id == id }) { asked[id] = nil }
      case .ended(let id, _):
        observers.ended(id)
        asked[id] = nil
        precondition(!node.exchanges.contains { $0.id == id })
      case .delivered(let id):
        if let notice = observers.delivered(id, now: now) { notify(notice, isConfirmable: true) }
      }
    }
  }

  private func check() {
    let limits = Story.limits
    precondition(node.peers.count <= limits.peers && node.exchanges.count <= limits.requests)
    precondition(node.deliveries.count <= limits.deliveries && node.delayedAnswers.count <= limits.delayedAnswers)
    precondition(node.rememberedBytes <= limits.rememberedBytes)
    var strangers = 0
    var remembered = 0
    var place = node.peers.oldest
    while let current = place {
      let peer = node.peers[current]
      if peer.isStranger { strangers += 1 }
      remembered += peer.rememberedBytes
      precondition(peer.remembered.count <= limits.rememberedPerPeer)
      place = node.peers.next(after: current)
    }
    precondition(strangers == node.strangerCount && strangers <= limits.strangers, "strangers are miscounted")
    precondition(remembered == node.rememberedBytes, "what is remembered is miscounted")
    precondition(receiver.heldBytes <= CoAPBlockReceiver.Limits().totalBytes && observers.count <= 6)
  }
}
