/// A message from the kernel (netlink(7)): length (4 bytes), type (2), flags (2), sequence (4), port (4), body.
public struct NetlinkMessage: Sendable {
  public let type: UInt16
  public let flags: UInt16
  /// The number of the request that it answers.
  public let sequence: UInt32
  public let body: ArraySlice<UInt8>
}

// Numbers are in the processor's order, which on all our machines is the little end first. Messages and attributes are
// padded to four bytes.
extension ArraySlice<UInt8> {
  private static var messageHeaderBytes: Int { 16 }
  private static var attributeHeaderBytes: Int { 4 }
  /// The two highest bits of an attribute's type say what is in it (linux/netlink.h), not what it is.
  private static var attributeTypes: UInt16 { 0x3FFF }

  /// Takes the first message; nil where there is none, or its length lies.
  public mutating func popNetlinkMessage() -> NetlinkMessage? {
    guard count >= Self.messageHeaderBytes, let type = number16(at: 4), let flags = number16(at: 6),
      let sequence = number32(at: 8), let body = popPadded(number32(at: 0), header: Self.messageHeaderBytes)
    else { return nil }
    return NetlinkMessage(type: type, flags: flags, sequence: sequence, body: body)
  }

  /// Takes the first attribute; nil where there is none, or its length lies.
  public mutating func popNetlinkAttribute() -> (type: UInt16, value: ArraySlice<UInt8>)? {
    guard let length = number16(at: 0), let type = number16(at: 2),
      let value = popPadded(UInt32(length), header: Self.attributeHeaderBytes)
    else { return nil }
    return (type & Self.attributeTypes, value)
  }

  /// The value of the first attribute of this type.
  public func netlinkAttribute(_ type: UInt16) -> ArraySlice<UInt8>? {
    var rest = self
    while let (found, value) = rest.popNetlinkAttribute() {
      if found == type { return value }
    }
    return nil
  }

  /// What follows the header of a piece of this length, which leaves the slice with its padding.
  private mutating func popPadded(_ length: UInt32?, header: Int) -> ArraySlice<UInt8>? {
    guard let length = length.flatMap({ Int(exactly: $0) }), length >= header, length <= count else { return nil }
    let piece = prefix(length).dropFirst(header)
    self = dropFirst(length + (4 - length % 4) % 4)
    return piece
  }

  public func number16(at offset: Int) -> UInt16? {
    guard count >= offset + 2 else { return nil }
    return UInt16(self[startIndex + offset]) | UInt16(self[startIndex + offset + 1]) << 8
  }

  public func number32(at offset: Int) -> UInt32? {
    guard let low = number16(at: offset), let high = number16(at: offset + 2) else { return nil }
    return UInt32(low) | UInt32(high) << 16
  }
}
