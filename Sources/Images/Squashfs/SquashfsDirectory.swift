/// Reads a directory's entries, one after the other: runs of up to 256 whose inodes stand in one block.
struct SquashfsDirectory {
  struct Entry {
    let name: [UInt8]
    let inode: SquashfsPlace
  }

  private var listing: SquashfsInode.Listing
  /// What is left of the run that is read.
  private var restEntries: UInt32 = 0
  /// The block with its inodes.
  private var inodeBlock: UInt64 = 0

  private static let mostEntriesOfRun: UInt32 = 256
  private static let runHeaderBytes: UInt32 = 12
  private static let entryBytes: UInt32 = 8

  init(_ listing: SquashfsInode.Listing) {
    self.listing = listing
  }

  /// The next entry; nil: there is none any more.
  mutating func next<Source>(
    _ metadata: inout SquashfsMetadata<Source>, _ header: SquashfsHeader
  ) throws(SquashfsError) -> Entry? {
    if restEntries == 0 {
      if listing.restBytes == 0 { return nil }
      try beginRun(&metadata, header)
    }
    restEntries -= 1
    let block = listing.place.block
    var fields = LittleEndianFields(try take(Self.entryBytes, &metadata)[...])
    let offset: UInt16 = fields.next()
    fields.skip(4)  // the inode's number and its kind, which it says itself
    let count = UInt32(fields.next(UInt16.self)) + 1
    guard count <= UInt32(TarLimits.nameBytes) else { throw SquashfsError(.nameTooLong, offset: block) }
    let name = try take(count, &metadata)
    guard Self.isName(name) else { throw SquashfsError(.invalidName, offset: block) }
    return Entry(name: name, inode: SquashfsPlace(block: inodeBlock, offset: Int(offset)))
  }

  private mutating func beginRun<Source>(
    _ metadata: inout SquashfsMetadata<Source>, _ header: SquashfsHeader
  ) throws(SquashfsError) {
    let block = listing.place.block
    var fields = LittleEndianFields(try take(Self.runHeaderBytes, &metadata)[...])
    // One less than there are.
    let count: UInt32 = fields.next()
    guard count < Self.mostEntriesOfRun else { throw SquashfsError(.damagedDirectory, offset: block) }
    restEntries = count + 1
    inodeBlock = header.inodeTable + UInt64(fields.next(UInt32.self))
  }

  private mutating func take<Source>(
    _ count: UInt32, _ metadata: inout SquashfsMetadata<Source>
  ) throws(SquashfsError) -> [UInt8] {
    guard count <= listing.restBytes else {
      throw SquashfsError(.damagedDirectory, offset: listing.place.block)
    }
    listing.restBytes -= count
    return try metadata.read(Int(count), at: &listing.place)
  }

  /// Whether a file can be called so.
  private static func isName(_ name: [UInt8]) -> Bool {
    if name.contains(0) || name.contains(TarPath.separator) { return false }
    return !name.elementsEqual(".".utf8) && !name.elementsEqual("..".utf8)
  }
}
