/// Expands LZW as memberlist's peers compress it: codes of 9 to 12 bits from the least significant bit on, literals of 8
/// bits, and a code for the end.
///
/// Its tables are 12 KiB; they exist as long as the decoder does.
struct LZWDecoder {
  /// The most that a single code stands for, and so the most by which `expand` exceeds what it was asked for.
  static let maximumExpansionBytes = 4096

  private static let clear: UInt32 = 256
  private static let end: UInt32 = 257
  private static let maximumCodes: UInt32 = 4096

  /// Entry by entry the code of all but its last byte, and that byte.
  private var prefixes = [UInt16](repeating: 0, count: Int(maximumCodes))
  private var suffixes = [UInt8](repeating: 0, count: Int(maximumCodes))
  /// The entry that the code read last completes once the next one is known.
  private var newest = end
  private var previous: UInt32?
  private var codeBits: UInt32 = 9
  private var pending: UInt32 = 0
  private var pendingBits: UInt32 = 0

  /// Whether the code for the end has come.
  private(set) var isAtEnd = false

  /// Appends what `input` stands for to `output`, until that holds `limit` bytes or hardly more, the input is used up,
  /// or it says that it ends. What is read leaves `input`.
  mutating func expand(
    _ input: inout ArraySlice<UInt8>, into output: inout [UInt8], limit: Int
  ) throws(GossipError) {
    while !isAtEnd, output.count < limit {
      while pendingBits < codeBits {
        guard let byte = input.popFirst() else { return }
        pending |= UInt32(byte) << pendingBits
        pendingBits += 8
      }
      let code = pending & (1 << codeBits - 1)
      pending >>= codeBits
      pendingBits -= codeBits
      try take(code, into: &output)
    }
  }

  private mutating func take(_ code: UInt32, into output: inout [UInt8]) throws(GossipError) {
    switch code {
    case Self.clear:
      newest = Self.end
      codeBits = 9
      previous = nil
    case Self.end: isAtEnd = true
    default:
      let first = try append(code, to: &output)
      if let previous {
        prefixes[Int(newest)] = UInt16(truncatingIfNeeded: previous)
        suffixes[Int(newest)] = first
      }
      grow(after: code)
    }
  }

  /// Appends what a code stands for; its first byte.
  private func append(_ code: UInt32, to output: inout [UInt8]) throws(GossipError) -> UInt8 {
    if code > newest { throw .corruptCompression }
    let start = output.count
    var rest = code
    // The entry that is not complete yet is the previous string and its own first byte.
    if code == newest, let previous {
      rest = previous
      output.append(0)
    }
    while rest > Self.end {
      output.append(suffixes[Int(rest)])
      rest = UInt32(prefixes[Int(rest)])
    }
    let first = UInt8(truncatingIfNeeded: rest)
    output.append(first)
    if code == newest, previous != nil { output[start] = first }
    Self.reverse(&output, from: start)
    return first
  }

  /// Entries are found last byte first.
  private static func reverse(_ output: inout [UInt8], from start: Int) {
    var (low, high) = (start, output.count - 1)
    while low < high {
      output.swapAt(low, high)
      low += 1
      high -= 1
    }
  }

  /// Makes room for the entry that `code` begins; with a full table none is begun.
  private mutating func grow(after code: UInt32) {
    previous = code
    newest += 1
    if newest < 1 << codeBits { return }
    if newest == Self.maximumCodes {
      newest -= 1
      previous = nil
    } else {
      codeBits += 1
    }
  }
}
