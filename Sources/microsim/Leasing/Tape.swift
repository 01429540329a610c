import Basics

/// Somebody who overhears what nodes say to one another's CoAP ports, and later says some of it again, as if it came from where it
/// came from then: as it was, or with another message id.
final class Tape {
  private static let mostKept = 400
  private static let pauseMilliseconds: UInt64 = 70

  private struct Datagram {
    let bytes: [UInt8]
    let source: SocketAddress
    let destination: SocketAddress
  }

  private var heard: [Datagram] = []
  private var random: SeededRandom
  private var until = Instant(nanoseconds: 0)

  init(seed: UInt64) { random = SeededRandom(seed: seed) }

  func record(_ bytes: [UInt8], from source: SocketAddress, to destination: SocketAddress) {
    let datagram = Datagram(bytes: bytes, source: source, destination: destination)
    if heard.count < Self.mostKept { return heard.append(datagram) }
    heard[random.index(below: heard.count)] = datagram
  }

  /// Says things again for so long.
  func replay(in world: World, milliseconds: UInt64) {
    let wasQuiet = until <= world.now
    until = max(until, world.now.advanced(milliseconds: milliseconds))
    if wasQuiet { goOn(world) }
  }

  private func goOn(_ world: World) {
    guard world.now < until else { return }
    if !heard.isEmpty {
      let datagram = heard[random.index(below: heard.count)]
      var bytes = datagram.bytes
      if bytes.count > 3, random.below(2) == 0 { bytes[3] ^= UInt8(1 + random.below(255)) }
      world.add(.packet(bytes, from: datagram.source, to: datagram.destination), afterMicroseconds: 1000)
    }
    world.after(milliseconds: Self.pauseMilliseconds) { [weak self, unowned world] in self?.goOn(world) }
  }
}
