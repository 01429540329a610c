import Basics
import Netlink

/// A message of the kernel's about links and addresses (rtnetlink(7)), as far as it says who can be reached where.
public enum RouteMessage: Equatable, Sendable {
  case link(index: UInt32, name: String, flags: NetworkInterface.Flags)
  case linkGone(index: UInt32)
  case address(NetworkInterface.Address, interface: UInt32)
  case addressGone(IPAddress, interface: UInt32)
  /// All that was asked for under this number has been said, or will not be. If it changed meanwhile, it is not whole.
  case done(sequence: UInt32, isWhole: Bool)

  /// The longest name that Linux gives to an interface.
  static let maximumNameBytes = 15

  // Types of messages, flags and attributes, from linux/netlink.h, linux/rtnetlink.h and linux/if_addr.h.
  private static let errorType: UInt16 = 2
  private static let doneType: UInt16 = 3
  private static let newLink: UInt16 = 16
  private static let deletedLink: UInt16 = 17
  private static let newAddress: UInt16 = 20
  private static let deletedAddress: UInt16 = 21
  private static let interruptedFlag: UInt16 = 0x10
  private static let linkName: UInt16 = 3
  private static let addressOfPeer: UInt16 = 1
  private static let addressOfOurs: UInt16 = 2
  private static let addressFlags: UInt16 = 8

  /// The messages in what one receive gave. What is cut off or of no interest is passed over.
  public static func decode(_ bytes: ArraySlice<UInt8>) -> [RouteMessage] {
    var messages: [RouteMessage] = []
    var rest = bytes
    while let message = rest.popNetlinkMessage() {
      if let known = decode(message) { messages.append(known) }
    }
    return messages
  }

  private static func decode(_ message: NetlinkMessage) -> RouteMessage? {
    switch message.type {
    case errorType: return .done(sequence: message.sequence, isWhole: true)
    case doneType: return .done(sequence: message.sequence, isWhole: message.flags & interruptedFlag == 0)
    case newLink, deletedLink: return link(message.body, isGone: message.type == deletedLink)
    case newAddress, deletedAddress: return address(message.body, isGone: message.type == deletedAddress)
    default: return nil
    }
  }

  /// Family (1 byte), padding (1), type (2), index (4), flags (4), change (4), attributes.
  private static func link(_ body: ArraySlice<UInt8>, isGone: Bool) -> RouteMessage? {
    // Another family than none: a bridge says that this link is one of its ports, or no longer.
    guard body.count >= 16, body.first == 0, let index = body.number32(at: 4), let flags = body.number32(at: 8)
    else { return nil }
    if isGone { return .linkGone(index: index) }
    guard let name = body.dropFirst(16).netlinkAttribute(linkName) else { return nil }
    let text = name.prefix { $0 != 0 }
    guard text.count <= maximumNameBytes else { return nil }
    return .link(index: index, name: ASCII.string(text), flags: NetworkInterface.Flags(rawValue: flags))
  }

  /// Family (1 byte), length of the prefix (1), flags (1), scope (1), index (4), attributes.
  private static func address(_ body: ArraySlice<UInt8>, isGone: Bool) -> RouteMessage? {
    guard body.count >= 8, let index = body.number32(at: 4) else { return nil }
    let (prefixBits, scope) = (body[body.startIndex + 1], body[body.startIndex + 3])
    let attributes = body.dropFirst(8)
    // On a link to one peer the first of them is the peer's.
    guard let bytes = attributes.netlinkAttribute(addressOfOurs) ?? attributes.netlinkAttribute(addressOfPeer),
      let address = IPAddress(networkBytes: bytes), prefixBits <= bytes.count * 8
    else { return nil }
    if isGone { return .addressGone(address, interface: index) }
    let flags = attributes.netlinkAttribute(addressFlags)?.number32(at: 0) ?? UInt32(body[body.startIndex + 2])
    return .address(
      NetworkInterface.Address(
        address: address, prefixBits: prefixBits, scope: .init(rawValue: scope), flags: .init(rawValue: flags)),
      interface: index)
  }
}

/// What the kernel is asked. The answer is many messages, the last of them `done`.
public enum RouteRequest {
  case links
  case addresses

  public func encoded(sequence: UInt32) -> [UInt8] {
    // Length, type, request | dump, sequence, no port; then the family (none) of a message that is else empty.
    let type: UInt16 = self == .links ? 18 : 22
    return Self.bytes(20) + Self.bytes(UInt32(type) | 0x301 << 16) + Self.bytes(sequence) + Self.bytes(0)
      + Self.bytes(0)
  }

  private static func bytes(_ number: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * UInt32($0))) }
  }
}
