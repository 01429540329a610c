/// Reads a file's data, block by block, and the piece of it that stands in a fragment with those of others.
struct SquashfsFileData<Source: SquashfsSource> {
  private let source: Source
  private let header: SquashfsHeader
  private var data: SquashfsInode.Data?
  private var restBytes: UInt64 = 0
  /// Of a hole, how much is still to be told.
  private var holeBytes = 0
  /// The fragment that was inflated last: files that were packed together follow one another.
  private var fragment: (index: UInt32, bytes: [UInt8])?

  /// In a block's length: it is not compressed.
  private static var plainFlag: UInt32 { 1 << 24 }

  init(_ source: Source, _ header: SquashfsHeader) {
    self.source = source
    self.header = header
  }

  /// Begins with a file.
  mutating func begin(_ data: SquashfsInode.Data) {
    self.data = data
    restBytes = data.sizeBytes
    holeBytes = 0
  }

  /// The next piece of the file; nil: that was all. It is to be used before the next is asked for.
  mutating func next(_ metadata: inout SquashfsMetadata<Source>) throws(SquashfsError) -> ArraySlice<UInt8>? {
    if holeBytes > 0 { return hole() }
    guard restBytes > 0, var file = data else {
      data = nil
      return nil
    }
    let blockBytes = UInt64(header.blockBytes)
    let count = min(restBytes, blockBytes)
    if count < blockBytes, file.fragment != SquashfsInode.none {
      restBytes = 0
      return try tail(of: file, Int(count), &metadata)
    }
    restBytes -= count
    var length = LittleEndianFields(try metadata.read(4, at: &file.lengths)[...])
    let word: UInt32 = length.next()
    let stored = word & (Self.plainFlag - 1)
    let place = file.position
    let (end, isTooFar) = place.addingReportingOverflow(UInt64(stored))
    if isTooFar { throw SquashfsError(.damagedFile, offset: place) }
    file.position = end
    data = file
    if stored == 0 {
      holeBytes = Int(count)
      return hole()
    }
    let bytes = try block(word, at: place, limitBytes: Int(count))
    guard bytes.count == Int(count) else { throw SquashfsError(.damagedFile, offset: place) }
    return bytes
  }

  private mutating func hole() -> ArraySlice<UInt8> {
    let piece = zeros.prefix(holeBytes)
    holeBytes -= piece.count
    return piece
  }

  private mutating func tail(
    of file: SquashfsInode.Data, _ count: Int, _ metadata: inout SquashfsMetadata<Source>
  ) throws(SquashfsError) -> ArraySlice<UInt8> {
    if fragment?.index != file.fragment { fragment = (file.fragment, try read(file.fragment, &metadata)) }
    guard let bytes = fragment?.bytes, file.fragmentOffset <= UInt32(bytes.count),
      count <= bytes.count - Int(file.fragmentOffset)
    else { throw SquashfsError(.damagedFile, offset: file.position) }
    return bytes[Int(file.fragmentOffset)...].prefix(count)
  }

  /// All of a fragment.
  private mutating func read(
    _ index: UInt32, _ metadata: inout SquashfsMetadata<Source>
  ) throws(SquashfsError) -> [UInt8] {
    // Not two of them at a time.
    fragment = nil
    guard index < header.fragmentCount, header.fragmentTable != SquashfsHeader.noTable else {
      throw SquashfsError(.damagedTable, offset: header.fragmentTable)
    }
    var entry = try metadata.element(UInt64(index), of: 16, listedAt: header.fragmentTable)
    let start: UInt64 = entry.next()
    return Array(try block(entry.next(), at: start, limitBytes: Int(header.blockBytes)))
  }

  private func block(
    _ word: UInt32, at place: UInt64, limitBytes: Int
  ) throws(SquashfsError) -> ArraySlice<UInt8> {
    let stored = word & (Self.plainFlag - 1)
    guard stored <= header.blockBytes, place <= header.usedBytes, UInt64(stored) <= header.usedBytes - place else {
      throw SquashfsError(.damagedFile, offset: place)
    }
    if word & Self.plainFlag != 0 {
      return try source.read(Int(stored), at: place)
    }
    return try source.inflate(Int(stored), at: place, limitBytes: limitBytes)
  }
}

/// What holes are told as, piece by piece.
private let zeros = [UInt8](repeating: 0, count: 4096)
