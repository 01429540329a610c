/// Writes MessagePack as Serf and memberlist speak it: the profile of before 2013, which has neither `str8` nor `bin`.
///
/// Strings and byte arrays alike are `raw`, numbers take their shortest form, and that is an unsigned one wherever the
/// number is not negative. A struct is a map under the names of its fields, which callers write in alphabetical order.
public struct MessagePackEncoder {
  /// What is written so far.
  public private(set) var bytes: [UInt8]

  /// An encoder that appends to `bytes`.
  public init(appendingTo bytes: [UInt8] = []) {
    self.bytes = bytes
  }

  /// Forgets what is written, and keeps the memory for what comes.
  public mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
  }

  /// The head of a map; as many keys, each with its value, have to follow.
  public mutating func map(_ count: Int) {
    head(UInt64(count), short: 0x80, shortLimit: 16, long: 0xDE)
  }

  /// The head of an array; as many values have to follow.
  public mutating func array(_ count: Int) {
    head(UInt64(count), short: 0x90, shortLimit: 16, long: 0xDC)
  }

  /// The name of a struct's field.
  public mutating func key(_ name: StaticString) {
    rawHead(name.utf8CodeUnitCount)
    name.withUTF8Buffer { bytes += $0 }
  }

  /// An integer from 0 on.
  public mutating func unsigned(_ value: UInt64) {
    switch value {
    case 0..<0x80: bytes.append(UInt8(truncatingIfNeeded: value))
    case 0x80...0xFF: number(0xCC, value, bytes: 1)
    case 0x100...0xFFFF: number(0xCD, value, bytes: 2)
    case 0x1_0000...0xFFFF_FFFF: number(0xCE, value, bytes: 4)
    default: number(0xCF, value, bytes: 8)
    }
  }

  /// The same of a narrower integer.
  public mutating func unsigned(_ value: some FixedWidthInteger & UnsignedInteger) {
    unsigned(UInt64(value))
  }

  /// An integer of either sign.
  public mutating func integer(_ value: Int64) {
    let bits = UInt64(bitPattern: value)
    switch value {
    case 0...: unsigned(bits)
    case -32..<0: bytes.append(UInt8(truncatingIfNeeded: bits))
    case -0x80..<0: number(0xD0, bits, bytes: 1)
    case -0x8000..<0: number(0xD1, bits, bytes: 2)
    case -0x8000_0000..<0: number(0xD2, bits, bytes: 4)
    default: number(0xD3, bits, bytes: 8)
    }
  }

  /// A 64 bit float.
  public mutating func double(_ value: Double) {
    number(0xCB, value.bitPattern, bytes: 8)
  }

  public mutating func bool(_ value: Bool) {
    bytes.append(value ? 0xC3 : 0xC2)
  }

  public mutating func null() {
    bytes.append(0xC0)
  }

  /// What Go calls a string: never nil.
  public mutating func text(_ value: String) {
    rawHead(value.utf8.count)
    bytes += value.utf8
  }

  /// A string that need not be UTF-8.
  public mutating func raw(_ value: [UInt8]) {
    rawHead(value.count)
    bytes += value
  }

  /// What Go calls a byte slice: nil where it is empty.
  public mutating func binary(_ value: [UInt8]) {
    if value.isEmpty { null() } else { raw(value) }
  }

  /// Bytes that are encoded already, or are not MessagePack.
  public mutating func append(_ encoded: some Sequence<UInt8>) {
    bytes += encoded
  }
}

extension MessagePackEncoder {
  private mutating func rawHead(_ count: Int) {
    head(UInt64(count), short: 0xA0, shortLimit: 32, long: 0xDA)
  }

  /// A count below `shortLimit` stands in the first byte; the forms of 16 and of 32 bits follow one another.
  private mutating func head(_ count: UInt64, short: UInt8, shortLimit: UInt64, long: UInt8) {
    precondition(count <= 0xFFFF_FFFF)
    if count < shortLimit {
      bytes.append(short | UInt8(truncatingIfNeeded: count))
    } else if count <= 0xFFFF {
      number(long, count, bytes: 2)
    } else {
      number(long + 1, count, bytes: 4)
    }
  }

  private mutating func number(_ form: UInt8, _ value: UInt64, bytes count: UInt64) {
    bytes.append(form)
    for index in (0..<count).reversed() {
      bytes.append(UInt8(truncatingIfNeeded: value >> (8 * index)))
    }
  }
}
