/// What binds a message to a request (RFC 8613 section 5.4): the Enc_structure, which takes no memory of its own. No option is of
/// class I.
struct OSCOREAdditionalData {
  private(set) var bytes = InlineArray<40, UInt8>(repeating: 0)
  private(set) var count = 0

  init(_ kid: OSCOREIdentifier, _ partialIV: UInt64) {
    let partialIVBytes = OSCOREOption.bytes(partialIV)
    let lengths = UInt64(kid.count + partialIVBytes)
    // ["Encrypt0", h'', external_aad], of which the last is a byte string of less than 24 bytes…
    append(0x83_68_45_6E_63_72_79_70, count: 8)
    append(0x74_30_40_47 + lengths, count: 4)
    // …that holds [1, [algorithm], kid, Partial IV, h''].
    append(0x85_01_81_00_40 | UInt64(OSCOREContext.algorithm) << 8 | UInt64(kid.count), count: 5)
    append(kid.packed, count: kid.count)
    append(0x40 | UInt64(partialIVBytes), count: 1)
    append(partialIV, count: partialIVBytes)
    append(0x40, count: 1)
  }

  /// The lower bytes of a number, the most significant one first. All eight are written, and those that are none of it are
  /// overwritten by what comes next: one by one it takes five times the instructions. (Of a number without bytes all are.)
  @inline(__always)
  private mutating func append(_ number: UInt64, count: Int) {
    let place = self.count
    let bigEndian = (number &<< UInt64(64 - 8 * count)).bigEndian
    withUnsafeMutableBytes(of: &bytes) { $0.storeBytes(of: bigEndian, toByteOffset: place, as: UInt64.self) }
    self.count += count
  }
}
