// A program for tests: our CoAP against others' implementations.
//
//   coap-driver serve PORT [trust] [oscore] [contexts=N] [szx=N] [group=ADDRESS interface=ADDRESS]
//   coap-driver ask PORT METHOD PATH [oscore] [bytes=N] [szx=N] [observe=N] [non]
//   coap-driver ping PORT
//
// On IPv4 of this host; with `v6` on IPv6's. The server prints `port N`. With `trust` no address has to be proven, for peers
// that cannot answer a challenge. With `oscore` it knows the security context of RFC 8613 appendix C.1, as the server's or the
// client's end; a client protects its requests with it. With `contexts=N` it has N security contexts, of the Recipient IDs 0 to
// N-1 in two bytes.
import Basics
import CSystem
import Crypto
import EventLoop
import LinuxSystem
import Microcloud
import NodeSecurity
import Transport

func say(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  if bytes.withUnsafeBytes({ system_write(1, $0.baseAddress, $0.count) }) < 0 { _exit(1) }
}

private struct Arguments {
  let words: [String]

  func has(_ word: String) -> Bool { words.dropFirst(3).contains(word) }

  func text(_ name: String) -> String? {
    let prefix = Array((name + "=").utf8)
    for word in words.dropFirst(3) where word.utf8.starts(with: prefix) {
      return String(decoding: word.utf8.dropFirst(prefix.count), as: UTF8.self)
    }
    return nil
  }

  func number(_ name: String, else usual: UInt64) -> UInt64 {
    text(name).flatMap { Decimal.parse($0) } ?? usual
  }

  var exponent: UInt8 { UInt8(truncatingIfNeeded: min(number("szx", else: 6), 6)) }
  var port: UInt16? { Decimal.parse(words[2]).flatMap { UInt16(exactly: $0) } }
}

/// So many contexts with others.
private func manyContexts(_ count: UInt64) throws(OSCOREError) -> OSCOREContexts {
  var contexts = OSCOREContexts(capacity: Int(min(count, 0xFFFF)))
  for number in 0..<min(count, 0xFFFF) {
    let bytes = BigEndian.bytes(number)
    let context = try OSCOREContext(
      masterSecret: Secret(bytes + bytes), masterSalt: bytes, senderID: OSCOREIdentifier([1])!,
      recipientID: OSCOREIdentifier(bytes.suffix(2))!, principal: UInt32(number))
    _ = contexts.insert(context, peer: SocketAddress(.loopbackV4, port: UInt16(number)))
  }
  return contexts
}

/// The contexts that the arguments ask for, and the number of the one.
private func contexts(
  _ arguments: Arguments, isClient: Bool
) -> (contexts: OSCOREContexts, number: UInt64?) {
  var contexts = OSCOREContexts()
  do throws(OSCOREError) {
    let count = arguments.number("contexts", else: 0)
    if count > 0 { return (try manyContexts(count), nil) }
    guard arguments.has("oscore") else { return (contexts, nil) }
    let number = contexts.insert(try testContext(isClient: isClient))
    return (contexts, number)
  } catch {
    say("\(error)")
    return (contexts, nil)
  }
}

/// What is sent as a body of so many bytes, and what others check.
private func pattern(_ count: UInt64) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
}

private func method(_ name: String) -> CoAPCode {
  switch name {
  case "post": .post
  case "put": .put
  case "delete": .delete
  default: .get
  }
}

/// One end of the context of RFC 8613 appendix C.1. All know it: it is for tests.
private func testContext(isClient: Bool) throws(OSCOREError) -> OSCOREContext {
  let (client, server) = (OSCOREIdentifier([])!, OSCOREIdentifier([1])!)
  return try OSCOREContext(
    masterSecret: Secret((1...16).map { UInt8($0) }), masterSalt: [0x9E, 0x7C, 0xA9, 0x22, 0x23, 0x78, 0x63, 0x40],
    senderID: isClient ? client : server, recipientID: isClient ? server : client, principal: 7)
}

private func transport(
  on loop: EventLoop, trustsAll: Bool = false, _ contexts: OSCOREContexts
) throws(SystemError) -> CoAPTransport {
  var limits = CoAPLimits()
  limits.requestsPerSecond = 1_000_000
  limits.leisureMilliseconds = 500
  if trustsAll {
    limits.challengesStrangers = false
    limits.amplification = .max
    limits.strangersPerSecond = 1_000_000
  }
  let digest = HMACDigest.keyed(by: BigEndian.bytes(loop.now.nanoseconds))
  return try CoAPTransport(on: loop, endpoint: SecureCoAPEndpoint(limits: limits, contexts: contexts, digest: digest))
}

private func serve(_ arguments: Arguments, _ port: UInt16, _ loop: EventLoop) throws(SystemError) {
  let transport = try transport(
    on: loop, trustsAll: arguments.has("trust"), contexts(arguments, isClient: false).contexts)
  if let group = arguments.text("group").flatMap({ IPAddress($0) }),
    let interface = arguments.text("interface").flatMap({ UInt32($0) })
  {
    try transport.join(SocketAddress(group, port: port), interface: interface)
  } else {
    try transport.bind(to: SocketAddress(arguments.has("v6") ? .anyV6 : .anyV4, port: port))
  }
  let server = try DriverServer(transport, loop, exponent: arguments.exponent)
  say("port \(transport.port ?? port)")
  withExtendedLifetime(server) { loop.run() }
}

private func ask(_ arguments: Arguments, _ port: UInt16, _ loop: EventLoop) throws(SystemError) {
  let isV6 = arguments.has("v6")
  let (contexts, number) = contexts(arguments, isClient: true)
  let transport = try transport(on: loop, contexts)
  try transport.bind(to: SocketAddress(isV6 ? .anyV6 : .anyV4, port: 0))
  let peer = SocketAddress(isV6 ? .loopbackV6 : .loopbackV4, port: port)
  var message = CoAPMessage(code: .empty)
  if arguments.words[1] == "ask", arguments.words.count >= 5 {
    message.code = method(arguments.words[3])
    message.path = ASCII.split(Array(arguments.words[4].utf8)[...], at: UInt8(ascii: "/")).map { ASCII.string($0) }
    message.payload = pattern(arguments.number("bytes", else: 0))
  }
  if message.code == .empty {
    transport.onEffect = { effect in
      if case .ended(_, let reason) = effect {
        say(reason == .reset ? "pong" : "no answer")
        loop.stop()
      }
    }
    do throws(CoAPError) { _ = try transport.ping(peer) } catch { return say("\(error)") }
    return withExtendedLifetime(transport) { loop.run() }
  }
  let client = DriverClient(
    transport, loop, message, to: peer, context: number, isConfirmable: !arguments.has("non"),
    exponent: arguments.exponent,
    observing: arguments.number("observe", else: 0))
  withExtendedLifetime(client) { loop.run() }
}

// Where the program starts: SwiftPM tells the linker that `main` is `<module>_main`, on the host and on boards alike.
@_cdecl("coap_driver_main")
func programMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  let words = (0..<Int(count)).map { arguments[$0].map { String(cString: $0) } ?? "" }
  let parsed = Arguments(words: words)
  guard words.count >= 3, let port = parsed.port else { return 2 }
  do throws(SystemError) {
    let loop = try EventLoop()
    if words[1] == "serve" { try serve(parsed, port, loop) } else { try ask(parsed, port, loop) }
    return 0
  } catch {
    say("\(error)")
    return 1
  }
}
