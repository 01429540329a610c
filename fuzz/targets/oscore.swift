// sources: Sources/Microcloud/CBOR Sources/Microcloud/CoAP Sources/Microcloud/OSCORE Sources/Crypto Sources/Basics
// C: Sources/CSystem/random.c -lmbedcrypto
// Two nodes that share a security context, and somebody between them who loses, reorders, repeats, changes and invents
// datagrams. The input is a row of steps: a byte that says what happens and one that says with what. Whatever happens: a
// request that is taken for the other's was made by it, and is taken once; a response to a protected request was made for it,
// once, and of notifications each is newer than the one before; a protected request is never answered in plain; no number is
// used for two messages; each request ends once; in the end no context is in use.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOSCORE(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var story = Story(rest: Array(UnsafeBufferPointer(start: start, count: count))[...])
  while story.step() {}
  story.finish()
  return 0
}

/// A request that was made, as its serial number says.
private struct Asked {
  let from: Int
  let isProtected: Bool
  let observes: Bool
  var isOver = false
  /// The last response taken, of those that were made in this order.
  var heard: UInt32 = 0
}

private final class Node {
  var endpoint: SecureCoAPEndpoint
  let context: UInt64
  var open: [(serial: UInt32?, handle: CoAPRequestHandle)] = []
  var observers = CoAPObservers(maximumCount: 4, maximumPerPeer: 4)
  /// The requests under way.
  var asked: [CoAPExchangeID: UInt32] = [:]
  /// What was sent under each Partial IV.
  var sealed: [[UInt8]: [UInt8]] = [:]
  /// The requests of the other node that were taken.
  var taken: Set<UInt32> = []

  init(_ index: Int) {
    var limits = CoAPLimits()
    limits.peers = 8
    limits.strangers = 4
    limits.requests = 8
    limits.deliveries = 10
    limits.challengesStrangers = false
    endpoint = SecureCoAPEndpoint(
      limits: limits, contexts: OSCOREContexts(capacity: 2), digest: { Checksum.of([UInt8(index)] + $0) })
    let ids = [OSCOREIdentifier([1])!, OSCOREIdentifier([2])!]
    let shared = try! OSCOREContext(
      masterSecret: Secret([UInt8](repeating: 7, count: 16)), masterSalt: [], senderID: ids[index],
      recipientID: ids[1 - index], principal: UInt32(index))
    context = endpoint.contexts.insert(shared, peer: Story.address(1 - index))!
  }
}

private struct Story {
  var rest: ArraySlice<UInt8>
  var nodes = [Node(0), Node(1)]
  var now = Instant(nanoseconds: 1)
  var serial: UInt32 = 0
  var asked: [UInt32: Asked] = [:]
  /// Which request each response that was made protected belongs to.
  var made: [UInt32: UInt32] = [:]
  /// All that is or was under way, and to whom.
  var wire: [(to: Int, bytes: [UInt8])] = []

  static func address(_ index: Int) -> SocketAddress { SocketAddress(.v4(UInt32(index)), port: 1) }

  mutating func step() -> Bool {
    guard let kind = rest.popFirst(), let detail = rest.popFirst() else { return false }
    let node = Int(kind >> 7)
    switch kind & 0xF {
    case 0, 1: ask(node, detail, isProtected: true)
    case 2: ask(node, detail, isProtected: false)
    case 3, 4: answer(node, detail)
    case 5: challenge(node)
    case 6: change(node)
    case 7: pass(milliseconds: UInt64(detail) * 500)
    case 8: if let id = nodes[node].asked.keys.min(by: { $0.rawValue < $1.rawValue }) { cancel(node, id) }
    case 9, 10: deliver(detail) { $0 }
    case 11: deliver(detail, again(kind))
    case 12: deliver(detail, flipped())
    case 13: deliver(detail, otherOption())
    case 14: deliver(detail, otherPayload())
    default: invent(node)
    }
    check()
    return true
  }

  mutating func finish() {
    for node in 0...1 {
      while !nodes[node].open.isEmpty { answer(node, 0) }
    }
    pass(milliseconds: 3_000_000)
    for node in 0...1 {
      while !nodes[node].open.isEmpty { answer(node, 0) }
      for (id, serial) in nodes[node].asked {
        precondition(asked[serial]!.observes, "a request of which nothing was heard")
        cancel(node, id)
      }
      precondition(nodes[node].endpoint.exchanges.isEmpty)
      precondition(nodes[node].endpoint.contexts.context(nodes[node].context)!.uses == 0, "a context still in use")
    }
  }

  // MARK: What the nodes do

  private mutating func next() -> UInt32 {
    serial += 1
    return serial
  }

  private mutating func ask(_ node: Int, _ detail: UInt8, isProtected: Bool) {
    let serial = next()
    let observes = detail & 1 == 1
    var message = CoAPMessage(code: observes ? .fetch : .post, payload: Self.bytes(serial))
    message.path = ["a"]
    if observes { message.options.add(CoAPOption(.observe, 0)) }
    if detail & 2 == 2 { message.options.add(CoAPOption(.noResponse, UInt64(detail >> 4))) }
    do throws(CoAPError) {
      let (id, effects) = try nodes[node].endpoint.request(
        message, to: Self.address(1 - node), context: isProtected ? nodes[node].context : nil,
        isConfirmable: detail & 4 == 0, now: now)
      asked[serial] = Asked(from: node, isProtected: isProtected, observes: observes)
      nodes[node].asked[id] = serial
      perform(node, effects)
    } catch {
      precondition(error == .tooMuchUnderWay)
    }
  }

  private mutating func answer(_ node: Int, _ detail: UInt8) {
    guard !nodes[node].open.isEmpty else { return }
    let (request, handle) = nodes[node].open.removeFirst()
    var message = CoAPMessage(code: detail & 2 == 2 ? .notFound : .content, payload: response(to: request, handle))
    // Who is refused is no observer (RFC 7641, section 4.1).
    if detail & 1 == 1, message.code.isSuccess, let request, asked[request]!.observes {
      let sequence = nodes[node].observers.register(
        handle.source, token: handle.token, protection: handle.protection, resource: UInt64(request), now: now)
      if let sequence { message.options.add(CoAPOption(.observe, UInt64(sequence))) }
    }
    if detail & 4 == 4 { message.payload += [UInt8](repeating: 0, count: 1300) }
    let effects = nodes[node].endpoint.respond(message, to: handle, now: now)
    if handle.protection != nil { isProtected(effects) }
    perform(node, effects)
  }

  private mutating func challenge(_ node: Int) {
    guard !nodes[node].open.isEmpty else { return }
    let (_, handle) = nodes[node].open.removeFirst()
    let effects = nodes[node].endpoint.challenge(handle, now: now)
    if handle.protection != nil { isProtected(effects) }
    perform(node, effects)
  }

  private mutating func change(_ node: Int) {
    for resource in asked.keys where asked[resource]!.observes && asked[resource]!.from != node {
      for notice in nodes[node].observers.changed(UInt64(resource), now: now) { notify(node, notice) }
    }
  }

  private mutating func notify(_ node: Int, _ notice: CoAPObservers.Notice) {
    let serial = next()
    if notice.protection != nil { made[serial] = UInt32(notice.resource) }
    var message = CoAPMessage(code: .content, token: notice.token, payload: Self.bytes(serial))
    message.options.add(CoAPOption(.observe, UInt64(notice.sequence)))
    do throws(CoAPError) {
      let (id, effects) = try nodes[node].endpoint.notify(
        message, to: notice.peer, protection: notice.protection, isConfirmable: true, now: now)
      nodes[node].observers.sent(notice, as: id)
      if notice.protection != nil { isProtected(effects) }
      perform(node, effects)
    } catch {
      precondition(error == .tooMuchUnderWay)
      nodes[node].observers.sent(notice, as: nil)
    }
  }

  private mutating func cancel(_ node: Int, _ id: CoAPExchangeID) {
    nodes[node].asked[id] = nil
    perform(node, nodes[node].endpoint.cancel(id, now: now))
  }

  private mutating func response(to request: UInt32?, _ handle: CoAPRequestHandle) -> [UInt8] {
    let serial = next()
    if let request, handle.protection != nil { made[serial] = request }
    return Self.bytes(serial)
  }

  private mutating func pass(milliseconds: UInt64) {
    let end = now.advanced(milliseconds: milliseconds)
    var ticks = 0
    while let next = nodes.compactMap({ $0.endpoint.nextDeadline }).min(), next <= end {
      now = max(now, next)
      for node in 0...1 { perform(node, nodes[node].endpoint.tick(now: now)) }
      ticks += 1
      precondition(ticks < 2000, "the nodes do not rest")
    }
    now = end
  }

  // MARK: What becomes of it

  private mutating func perform(_ node: Int, _ effects: [CoAPEffect]) {
    for effect in effects {
      switch effect {
      case .send(let bytes, let peer):
        note(node, bytes)
        wire.append((peer == Self.address(0) ? 0 : 1, bytes))
        if wire.count > 40 { wire.removeFirst() }
      case .request(let message, let handle): take(node, message, handle)
      case .response(let id, let message, _): take(node, message, id)
      case .ended(let id, _):
        nodes[node].observers.ended(id)
        if let serial = nodes[node].asked.removeValue(forKey: id) { end(serial) }
      case .delivered(let id):
        if let notice = nodes[node].observers.delivered(id, now: now) { notify(node, notice) }
      }
    }
  }

  private mutating func take(_ node: Int, _ message: CoAPMessage, _ handle: CoAPRequestHandle) {
    guard let protection = handle.protection else { return nodes[node].open.append((nil, handle)) }
    let serial = Self.serial(message.payload)
    precondition(protection.principal == UInt32(node) && protection.context == nodes[node].context)
    precondition(asked[serial]?.from == 1 - node && asked[serial]!.isProtected, "a request that nobody made")
    precondition(message.path == ["a"] && message.code == (asked[serial]!.observes ? .fetch : .post))
    // A challenge makes the client ask again, with an Echo option.
    if message.options[.echo] == nil { precondition(nodes[node].taken.insert(serial).inserted, "a request twice") }
    nodes[node].open.append((serial, handle))
  }

  private mutating func take(_ node: Int, _ message: CoAPMessage, _ id: CoAPExchangeID) {
    guard let serial = nodes[node].asked[id] else { preconditionFailure("a response to nothing") }
    let isLast = !asked[serial]!.observes || message.options[.observe] == nil || !message.code.isSuccess
    if asked[serial]!.isProtected, !Self.isOfTheLayer(message) {
      let response = Self.serial(message.payload)
      precondition(made[response] == serial, "a response to something else")
      precondition(response > asked[serial]!.heard, "a response twice, or an old one")
      asked[serial]!.heard = response
    }
    if isLast {
      nodes[node].asked[id] = nil
      end(serial)
    }
  }

  /// What a layer answers by itself: that a response was too large, that it wants a proof.
  private static func isOfTheLayer(_ message: CoAPMessage) -> Bool {
    message.payload.isEmpty && (message.code == .internalServerError || message.code == .unauthorized)
  }

  private mutating func end(_ serial: UInt32) {
    precondition(!asked[serial]!.isOver, "a request that ended twice")
    asked[serial]!.isOver = true
  }

  /// Each number of a node belongs to one ciphertext.
  private mutating func note(_ node: Int, _ bytes: [UInt8]) {
    let message = try! CoAPDatagram(decoding: bytes).message
    guard let value = message.options[.oscore]?.value, let number = try! OSCOREOption(value).partialIV else { return }
    let key = BigEndian.bytes(number)
    if let before = nodes[node].sealed[key] { precondition(before == message.payload, "a number twice") }
    nodes[node].sealed[key] = message.payload
  }

  private func isProtected(_ effects: [CoAPEffect]) {
    for case .send(let bytes, _) in effects {
      let message = try! CoAPDatagram(decoding: bytes).message
      precondition(message.code == .empty || message.options[.oscore] != nil, "an answer in plain")
    }
  }

  private func check() {
    for node in nodes {
      precondition(node.endpoint.exchanges.count <= 8 && node.endpoint.contexts.count == 1)
      let uses = node.open.filter { $0.handle.protection != nil }.count + node.endpoint.exchanges.count
      precondition(node.endpoint.contexts.context(node.context)!.uses == uses, "uses are miscounted")
    }
  }

  // MARK: Who is between them

  private mutating func deliver(_ detail: UInt8, _ change: ([UInt8]) -> [UInt8]?) {
    guard !wire.isEmpty else { return }
    let (to, bytes) = wire[Int(detail) % wire.count]
    guard let changed = change(bytes) else { return }
    perform(to, nodes[to].endpoint.receive(changed, from: Self.address(1 - to), now: now))
  }

  /// The same with another message id.
  private func again(_ kind: UInt8) -> ([UInt8]) -> [UInt8]? {
    { bytes in
      var bytes = bytes
      bytes[3] ^= kind >> 4 | 1
      return bytes
    }
  }

  private mutating func flipped() -> ([UInt8]) -> [UInt8]? {
    guard let place = rest.popFirst(), let bits = rest.popFirst() else { return { $0 } }
    return { bytes in
      var bytes = bytes
      bytes[Int(place) % bytes.count] ^= bits
      return bytes
    }
  }

  private mutating func otherOption() -> ([UInt8]) -> [UInt8]? {
    let length = Int(rest.popFirst() ?? 0) & 0x1F
    let value = Array(rest.prefix(length))
    rest = rest.dropFirst(length)
    return Self.changing {
      $0.options.remove(.oscore)
      $0.options.add(CoAPOption(.oscore, value))
    }
  }

  /// The payload and option of another message.
  private mutating func otherPayload() -> ([UInt8]) -> [UInt8]? {
    guard let place = rest.popFirst(), !wire.isEmpty,
      let other = try? CoAPDatagram(decoding: wire[Int(place) % wire.count].bytes).message
    else { return { $0 } }
    return Self.changing {
      $0.payload = other.payload
      $0.options = other.options
    }
  }

  private static func changing(_ change: @escaping (inout CoAPMessage) -> Void) -> ([UInt8]) -> [UInt8]? {
    { bytes in
      guard var datagram = try? CoAPDatagram(decoding: bytes), datagram.message.code != .empty else { return nil }
      change(&datagram.message)
      return try? datagram.encoded()
    }
  }

  private mutating func invent(_ node: Int) {
    let length = Int(rest.popFirst() ?? 0)
    let bytes = Array(rest.prefix(length))
    rest = rest.dropFirst(length)
    perform(node, nodes[node].endpoint.receive(bytes, from: Self.address(1 - node), now: now))
  }

  // MARK: Serial numbers

  private static func bytes(_ serial: UInt32) -> [UInt8] { Array(BigEndian.bytes(UInt64(serial)).suffix(4)) }

  private static func serial(_ payload: [UInt8]) -> UInt32 { UInt32(BigEndian.number(payload.prefix(4))) }
}
