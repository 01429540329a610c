import Basics
import CSystem
import LinuxSystem

/// A datagram that came.
public struct Datagram {
  public let bytes: [UInt8]
  public let source: SocketAddress
  /// The address of ours that it was sent to; nil if it was sent to a group.
  public let localAddress: IPAddress?
  /// Whether it was sent to a group, and not to us alone.
  public let isMulticast: Bool

  /// Takes one that has come to a socket, of up to `capacity` bytes; nil: there is none, or it was lost on its way up.
  static func receive(
    on descriptor: CInt, by buffer: UnsafeMutableRawPointer, capacity: Int
  ) -> Datagram? {
    var datagram = system_datagram()
    let count = system_receive_datagram(descriptor, buffer, capacity, &datagram)
    guard count >= 0, let source = SocketAddress(storage: &datagram.source) else { return nil }
    return Datagram(
      bytes: Array(UnsafeRawBufferPointer(start: buffer, count: count)), source: source,
      localAddress: SocketAddress(storage: &datagram.local)?.address, isMulticast: datagram.is_multicast != 0)
  }
}
