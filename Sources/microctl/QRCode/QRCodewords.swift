/// What a QR code carries: the bytes with mode and count before them, filled up, and each block's correction behind it
/// (ISO/IEC 18004 sections 7.4 to 7.6).
enum QRCodewords {
  /// - Parameter bytes: at most the version's capacity.
  static func of(_ bytes: [UInt8], _ version: QRVersion) -> [UInt8] {
    let data = data(bytes, version)
    var blocks: [ArraySlice<UInt8>] = []
    let short = version.dataCodewords / version.blocks
    let longBlocks = version.dataCodewords % version.blocks
    var rest = data[...]
    for block in 0..<version.blocks {
      let count = block < version.blocks - longBlocks ? short : short + 1
      blocks.append(rest.prefix(count))
      rest = rest.dropFirst(count)
    }
    let corrections = blocks.map { ReedSolomon.correction(of: $0, count: version.correctionCodewords)[...] }
    return interleaved(blocks) + interleaved(corrections)
  }

  /// The first of each, the second of each, and so on.
  private static func interleaved(_ blocks: [ArraySlice<UInt8>]) -> [UInt8] {
    let longest = blocks.map { $0.count }.max() ?? 0
    return (0..<longest).flatMap { index in
      blocks.compactMap { index < $0.count ? $0[$0.startIndex + index] : nil }
    }
  }

  private static func data(_ bytes: [UInt8], _ version: QRVersion) -> [UInt8] {
    let byteMode: UInt8 = 4
    let count = bytes.count
    // The mode has four bits, so all that follows is shifted by half a byte.
    var nibbles = [byteMode]
    for shift in stride(from: version.countBits - 4, through: 0, by: -4) {
      nibbles.append(UInt8(count >> shift & 15))
    }
    for byte in bytes { nibbles += [byte >> 4, byte & 15] }
    // The end, where there is room for it, is four zeros.
    if nibbles.count < 2 * version.dataCodewords { nibbles.append(0) }
    var data = stride(from: 0, to: nibbles.count - 1, by: 2).map { nibbles[$0] << 4 | nibbles[$0 + 1] }
    var filler: UInt8 = 0xEC
    while data.count < version.dataCodewords {
      data.append(filler)
      filler ^= 0xEC ^ 0x11
    }
    return data
  }
}
