import Basics

// Proof that a peer reads what is sent to its address, and that it asks now (RFC 9175 section 2).
extension CoAPEndpoint {
  /// 32 bits of a clock that counts about 4 ms, and a code over address and clock.
  private static let echoBytes = 12
  private static let clockShift: UInt64 = 22

  /// 4.01 with a value that the client repeats.
  func challengeMessage(_ address: SocketAddress, now: Instant) -> CoAPMessage {
    var options = CoAPOptions()
    options.add(CoAPOption(.echo, echo(clock: UInt32(truncatingIfNeeded: now.nanoseconds >> Self.clockShift), address)))
    return CoAPMessage(code: .unauthorized, options: options)
  }

  /// Whether this is what we gave this address a short time ago.
  func isFreshEcho(_ value: [UInt8], from address: SocketAddress, now: Instant) -> Bool {
    guard value.count == Self.echoBytes else { return false }
    let clock = value[..<4].reduce(0) { $0 << 8 | UInt32($1) }
    let age = UInt32(truncatingIfNeeded: now.nanoseconds >> Self.clockShift) &- clock
    return UInt64(age) << Self.clockShift <= limits.echoMilliseconds &* 1_000_000
      && echo(clock: clock, address) == value
  }

  private func echo(clock: UInt32, _ address: SocketAddress) -> [UInt8] {
    var bytes: [UInt8] = [UInt8(ascii: "E")]
    Self.append(UInt64(clock), bytes: 4, to: &bytes)
    bytes += address.address.networkBytes
    Self.append(UInt64(address.port), bytes: 2, to: &bytes)
    Self.append(UInt64(address.scope), bytes: 4, to: &bytes)
    var value = Array(bytes[1..<5])
    Self.append(digest(bytes), bytes: 8, to: &value)
    return value
  }

  /// Eight bytes that nobody off the path can guess.
  func token(_ id: UInt64) -> [UInt8] {
    var bytes: [UInt8] = [UInt8(ascii: "T")]
    Self.append(id, bytes: 8, to: &bytes)
    var token: [UInt8] = []
    Self.append(digest(bytes), bytes: 8, to: &token)
    return token
  }

  private static func append(_ value: UInt64, bytes: Int, to output: inout [UInt8]) {
    for index in (0..<bytes).reversed() { output.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
  }
}
