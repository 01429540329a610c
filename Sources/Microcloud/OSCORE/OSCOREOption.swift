/// The value of the OSCORE option: the compressed header of the COSE object (RFC 8613 section 6.1).
struct OSCOREOption: Equatable {
  /// A Partial IV has up to five bytes.
  static let maximumPartialIV: UInt64 = 1 << 40 - 1
  /// What one byte of length can say.
  static let maximumKidContextBytes = 255

  private static let partialIVMask: UInt8 = 0x07
  private static let kidFlag: UInt8 = 0x08
  private static let kidContextFlag: UInt8 = 0x10
  private static let reservedMask: UInt8 = 0xE0
  private static let maximumPartialIVBytes = 5

  var partialIV: UInt64?
  var kidContext: [UInt8]?
  var kid: OSCOREIdentifier?

  init(partialIV: UInt64? = nil, kidContext: [UInt8]? = nil, kid: OSCOREIdentifier? = nil) {
    self.partialIV = partialIV
    self.kidContext = kidContext
    self.kid = kid
  }

  /// Reads a value, strictly: what could be written shorter, or holds what no flag announces, is malformed. A kid that is
  /// longer than any of ours names no context of ours.
  init(_ value: [UInt8]) throws(OSCOREError) {
    if value.isEmpty { return }
    let flags = value[0]
    let count = Int(flags & Self.partialIVMask)
    var place = 1 + count
    guard flags != 0, flags & Self.reservedMask == 0, count <= Self.maximumPartialIVBytes, place <= value.count else {
      throw .malformedOption
    }
    if count > 0 {
      if count > 1, value[1] == 0 { throw .malformedOption }
      var number: UInt64 = 0
      for index in 1..<place { number = number << 8 | UInt64(value[index]) }
      partialIV = number
    }
    if flags & Self.kidContextFlag != 0 {
      guard place < value.count, place + 1 + Int(value[place]) <= value.count else { throw .malformedOption }
      let end = place + 1 + Int(value[place])
      kidContext = Array(value[(place + 1)..<end])
      place = end
    }
    if flags & Self.kidFlag != 0 {
      guard let kid = OSCOREIdentifier(value[place...]) else { throw .contextNotFound }
      self.kid = kid
    } else if place < value.count {
      throw .malformedOption
    }
  }

  /// The value as it is sent; empty if there is nothing to say.
  var value: [UInt8] {
    if partialIV == nil, kidContext == nil, kid == nil { return [] }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(16)
    bytes.append(0)
    if let partialIV {
      bytes[0] |= UInt8(Self.bytes(partialIV))
      Self.append(partialIV, count: Self.bytes(partialIV), to: &bytes)
    }
    if let kidContext {
      bytes[0] |= Self.kidContextFlag
      bytes.append(UInt8(truncatingIfNeeded: kidContext.count))
      bytes += kidContext
    }
    if let kid {
      bytes[0] |= Self.kidFlag
      kid.append(to: &bytes)
    }
    return bytes
  }

  /// How many bytes a Partial IV has: no leading zeros, but one byte for 0.
  static func bytes(_ partialIV: UInt64) -> Int {
    max(1, (64 - partialIV.leadingZeroBitCount + 7) / 8)
  }

  /// The lower bytes of a number, the most significant one first.
  static func append(_ number: UInt64, count: Int, to output: inout [UInt8]) {
    // A shift of 64 bits is a call on i586.
    withUnsafeBytes(of: number.bigEndian) { output += UnsafeRawBufferPointer(rebasing: $0.suffix(count)) }
  }
}
