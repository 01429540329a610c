/// Compresses as memberlist's peers do: LZW with codes of 9 to 12 bits from the least significant bit on and literals of 8
/// bits, as `LZWDecoder` expands it.
///
/// Its table is 32 KiB; it exists as long as the encoder does.
struct LZWEncoder {
  private static let clear: UInt32 = 256
  private static let end: UInt32 = 257
  private static let lastCode: UInt32 = 4095
  private static let firstBits: UInt32 = 9
  /// At least twice as many places as there are codes, so that few fall together.
  private static let placeBits: UInt32 = 13

  /// Open addressing: a string (the code of all but its last byte, 12 bits; that byte, 8) and above none of them its own
  /// code (12). 0: free.
  private var table = [UInt32](repeating: 0, count: 1 << Int(placeBits))
  private var newest = end
  private var codeBits = firstBits
  /// The code of what was read and not written yet.
  private var current: UInt32?
  private var pending: UInt32 = 0
  private var pendingBits: UInt32 = 0
  private var output: [UInt8] = []

  init() {
    write(Self.clear)
  }

  mutating func append(_ bytes: some Sequence<UInt8>) {
    for byte in bytes {
      guard let prefix = current else {
        current = UInt32(byte)
        continue
      }
      let string = prefix << 8 | UInt32(byte)
      let place = place(of: string)
      if table[place] != 0 {
        current = table[place] & Self.lastCode
        continue
      }
      write(prefix)
      current = UInt32(byte)
      if grow() { table[place] = string << 12 | newest }
    }
  }

  /// All that it has made.
  mutating func finish() -> [UInt8] {
    if let current {
      write(current)
      _ = grow()
    }
    write(Self.end)
    if pendingBits > 0 { output.append(UInt8(truncatingIfNeeded: pending)) }
    return output
  }

  /// Where a string stands, or is to stand.
  private func place(of string: UInt32) -> Int {
    let mask = 1 << Int(Self.placeBits) - 1
    var place = Int((string &* 0x9E37_79B1) >> (32 - Self.placeBits))
    while table[place] != 0, table[place] >> 12 != string { place = (place + 1) & mask }
    return place
  }

  /// Makes room for one more code; false: the table was full and is begun anew.
  private mutating func grow() -> Bool {
    newest += 1
    if newest == 1 << codeBits, newest < Self.lastCode { codeBits += 1 }
    guard newest == Self.lastCode else { return true }
    write(Self.clear)
    for index in table.indices { table[index] = 0 }
    (newest, codeBits) = (Self.end, Self.firstBits)
    return false
  }

  private mutating func write(_ code: UInt32) {
    pending |= code << pendingBits
    pendingBits += codeBits
    while pendingBits >= 8 {
      output.append(UInt8(truncatingIfNeeded: pending))
      pending >>= 8
      pendingBits -= 8
    }
  }
}

extension PushPullWriter {
  /// The most that is compressed, before that: the state of some three hundred members. A larger one goes out in pieces as it
  /// is, so that it need never be in memory as a whole.
  public static var maximumCompressedBytes: Int { 64 * 1024 }
  private static var pieceBytes: Int { 2048 }

  /// All of it as one compressed message, as memberlist's peers send it; nil: it is too long for that.
  public consuming func compressed() -> [UInt8]? {
    var encoder = LZWEncoder()
    var count = 0
    while let piece = next(atLeast: Self.pieceBytes) {
      count += piece.count
      if count > Self.maximumCompressedBytes { return nil }
      encoder.append(piece)
    }
    var message = MessagePackEncoder(appendingTo: [MemberlistMessageType.compressed.rawValue])
    message.map(2)
    message.key("Algo")
    message.unsigned(UInt8(0))
    message.key("Buf")
    message.binary(encoder.finish())
    return message.bytes
  }
}
