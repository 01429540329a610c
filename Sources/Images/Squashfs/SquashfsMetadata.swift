/// Where something stands among metadata: in which block, and where in it once that is inflated.
struct SquashfsPlace: Equatable {
  /// From the start of the image.
  var block: UInt64
  var offset: Int

  init(block: UInt64, offset: Int) {
    self.block = block
    self.offset = offset
  }

  /// What a reference in an image means: 48 bits of a block's place in a table, 16 bits of an offset. Nil: beyond any image.
  init?(_ reference: UInt64, in table: UInt64) {
    let (block, isTooFar) = table.addingReportingOverflow(reference >> 16)
    if isTooFar { return nil }
    self.init(block: block, offset: Int(reference & 0xFFFF))
  }
}

/// Inodes, directories and tables: they stand in blocks of 8 KiB, each compressed or not, of which the last ones are kept.
struct SquashfsMetadata<Source: SquashfsSource> {
  private struct Block {
    let position: UInt64
    let bytes: [UInt8]
    /// Where the next one begins.
    let end: UInt64
  }

  private let source: Source
  /// Nothing stands beyond it.
  private let limit: UInt64
  private var kept: [Block] = []
  private var oldest = 0

  static var blockBytes: Int { 8192 }
  private static var headerBytes: Int { 2 }
  /// In a block's header: it is not compressed.
  private static var plainFlag: UInt16 { 0x8000 }

  init(_ source: Source, limit: UInt64) {
    self.source = source
    self.limit = limit
  }

  /// The next bytes from a place on, which moves past them.
  mutating func read(_ count: Int, at place: inout SquashfsPlace) throws(SquashfsError) -> [UInt8] {
    var result: [UInt8] = []
    while true {
      let block = try block(at: place.block)
      guard place.offset <= block.bytes.count else { throw SquashfsError(.damagedTable, offset: place.block) }
      let piece = block.bytes[place.offset...].prefix(count - result.count)
      result += piece
      place.offset += piece.count
      if result.count == count { return result }
      // An empty block would be gone over for ever.
      if block.bytes.isEmpty { throw SquashfsError(.damagedTable, offset: place.block) }
      place = SquashfsPlace(block: block.end, offset: 0)
    }
  }

  /// Bytes that stand in the image as they are.
  func plainBytes(_ count: Int, at offset: UInt64) throws(SquashfsError) -> ArraySlice<UInt8> {
    guard offset <= limit, UInt64(count) <= limit - offset else { throw SquashfsError(.truncated, offset: offset) }
    return try source.read(count, at: offset)
  }

  /// A number that says where something is.
  func pointer(at offset: UInt64) throws(SquashfsError) -> UInt64 {
    var fields = LittleEndianFields(try plainBytes(8, at: offset))
    return fields.next()
  }

  /// An element of a table whose blocks stand anywhere: a list says where each is.
  mutating func element(
    _ index: UInt64, of elementBytes: Int, listedAt list: UInt64
  ) throws(SquashfsError) -> LittleEndianFields {
    let perBlock = UInt64(Self.blockBytes / elementBytes)
    var place = SquashfsPlace(
      block: try pointer(at: list &+ index / perBlock * 8), offset: Int(index % perBlock) * elementBytes)
    return LittleEndianFields(try read(elementBytes, at: &place)[...])
  }

  private mutating func block(at position: UInt64) throws(SquashfsError) -> Block {
    if let found = kept.first(where: { $0.position == position }) { return found }
    var header = LittleEndianFields(try plainBytes(Self.headerBytes, at: position))
    let word: UInt16 = header.next()
    // The format has no way to say 0: that is the flag's place as a number.
    let count = Int(word & ~Self.plainFlag)
    guard count > 0, count <= Self.blockBytes else { throw SquashfsError(.damagedBlock, offset: position) }
    let start = position + UInt64(Self.headerBytes)
    guard UInt64(count) <= limit - start else { throw SquashfsError(.truncated, offset: position) }
    let isPlain = word & Self.plainFlag != 0
    let bytes =
      isPlain
      ? try source.read(count, at: start) : try source.inflate(count, at: start, limitBytes: Self.blockBytes)
    let block = Block(position: position, bytes: Array(bytes), end: start + UInt64(count))
    keep(block)
    return block
  }

  private mutating func keep(_ block: Block) {
    if kept.count < SquashfsLimits.keptBlocks { return kept.append(block) }
    kept[oldest] = block
    oldest = (oldest + 1) % kept.count
  }
}
