/// Messages to the kernel (netlink(7)), one behind the other. Nothing here is inlined, as each rule takes dozens of calls.
public struct NetlinkWriter: Sendable {
  public private(set) var bytes: [UInt8] = []

  // What a request is (linux/netlink.h).
  public static let request: UInt16 = 0x1
  public static let acknowledge: UInt16 = 0x4
  /// In place of what is there.
  public static let replace: UInt16 = 0x100
  /// Not where something is there.
  public static let exclusive: UInt16 = 0x200
  public static let create: UInt16 = 0x400
  public static let append: UInt16 = 0x800

  /// The attribute's value is attributes.
  private static let nested: UInt16 = 0x8000

  public init() {}

  /// Begins a message; returns its place, for `end`.
  @inline(never)
  public mutating func begin(message type: UInt16, flags: UInt16, sequence: UInt32) -> Int {
    let place = bytes.count
    number(0)
    number(UInt32(type) | UInt32(flags | Self.request) << 16)
    number(sequence)
    number(0)
    return place
  }

  /// Begins an attribute of attributes; returns its place, for `end`.
  @inline(never)
  public mutating func begin(attributes type: UInt16) -> Int {
    let place = bytes.count
    number(UInt32(type | Self.nested) << 16)
    return place
  }

  /// Ends what was begun at this place: it is as long as what was written since, at most 65535 bytes.
  @inline(never)
  public mutating func end(_ place: Int) {
    let length = bytes.count - place
    bytes[place] = UInt8(truncatingIfNeeded: length)
    bytes[place + 1] = UInt8(truncatingIfNeeded: length >> 8)
  }

  /// Adds an attribute with this value.
  @inline(never)
  public mutating func attribute(_ type: UInt16, _ value: [UInt8]) {
    number(UInt32(4 + value.count) | UInt32(type) << 16)
    bytes += value
    while bytes.count % 4 != 0 { bytes.append(0) }
  }

  /// Adds an attribute with a number in network order, as netfilter has them.
  @inline(never)
  public mutating func attribute(_ type: UInt16, big number: UInt32) {
    attribute(type, Self.bigEndian(number))
  }

  /// Adds an attribute with a number in the processor's order, as rtnetlink has them.
  @inline(never)
  public mutating func attribute(_ type: UInt16, native number: UInt32) {
    attribute(type, Self.bigEndian(number.byteSwapped))
  }

  /// Adds an attribute with a text and the zero behind it.
  @inline(never)
  public mutating func attribute(_ type: UInt16, text: String) {
    attribute(type, Array(text.utf8) + [0])
  }

  /// Adds an attribute of attributes that are written already.
  public mutating func attributes(_ type: UInt16, _ content: [UInt8]) {
    attribute(type | Self.nested, content)
  }

  /// Adds four bytes as they are.
  public mutating func raw(_ first: UInt8, _ second: UInt8, _ third: UInt8, _ fourth: UInt8) {
    bytes += [first, second, third, fourth]
  }

  @inline(never)
  static func bigEndian(_ number: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
  }

  /// In the processor's order, which on all our machines is the little end first.
  @inline(never)
  public mutating func number(_ number: UInt32) {
    bytes += Self.bigEndian(number.byteSwapped)
  }
}
