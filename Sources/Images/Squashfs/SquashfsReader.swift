/// Reads a squashfs image (version 4.0) that strangers made: what a tar archive of the same files would say, entry by entry,
/// each directory before what is in it.
///
/// It asks its source for the bytes that it needs, and holds some blocks of metadata and one of data. However an image's
/// parts refer to one another, reading it ends: no directory is gone through twice.
public struct SquashfsReader<Source: SquashfsSource> {
  public enum Event {
    /// The next entry. Its data, if it has any, come next.
    case entry(TarEntry)
    /// The next bytes of the entry's data.
    case data(ArraySlice<UInt8>)
  }

  /// A directory that is gone through.
  private struct Level {
    var directory: SquashfsDirectory
    /// How much of `path` is its own path.
    let pathBytes: Int
  }

  private let header: SquashfsHeader
  private var metadata: SquashfsMetadata<Source>
  private var data: SquashfsFileData<Source>
  private let ids: [UInt32]
  private var levels: [Level] = []
  private var path: [UInt8] = []
  private var isReadingData = false
  private var hasBegun = false
  /// How many directories were entered: no more than there are inodes.
  private var enteredDirectories: UInt32 = 0
  /// The first path of each inode that says that it has several.
  private var linked: [UInt64: [UInt8]] = [:]
  private var linkBytes = 0

  private static var idBytes: Int { 4 }
  /// What remembering a path takes beside it.
  private static var linkOverheadBytes: Int { 64 }

  /// Reads the header and the table of owners.
  public init(_ source: Source) throws(SquashfsError) {
    header = try SquashfsHeader(parsing: try source.read(SquashfsHeader.byteCount, at: 0))
    metadata = SquashfsMetadata(source, limit: header.usedBytes)
    data = SquashfsFileData(source, header)
    var ids: [UInt32] = []
    for index in 0..<UInt64(header.idCount) {
      var id = try metadata.element(index, of: Self.idBytes, listedAt: header.idTable)
      ids.append(id.next())
    }
    self.ids = ids
  }

  /// What comes next; nil: that was all. After an error the image cannot be read on.
  public mutating func next() throws(SquashfsError) -> Event? {
    if isReadingData {
      if let piece = try data.next(&metadata) { return .data(piece) }
      isReadingData = false
    }
    if !hasBegun { return try begin() }
    while let level = levels.last {
      path.removeSubrange(level.pathBytes...)
      guard let found = try levels[levels.count - 1].directory.next(&metadata, header) else {
        levels.removeLast()
        continue
      }
      if let entry = try entry(found) { return .entry(entry) }
    }
    return nil
  }

  private mutating func begin() throws(SquashfsError) -> Event {
    hasBegun = true
    guard let place = SquashfsPlace(header.rootInode, in: header.inodeTable) else {
      throw SquashfsError(.invalidHeader, offset: 0)
    }
    let root = try metadata.inode(at: place, header)
    guard case .directory(let listing) = root.kind else { throw SquashfsError(.damagedInode, offset: place.block) }
    try enter(listing, place)
    return .entry(try described(root, .directory))
  }

  private mutating func enter(_ listing: SquashfsInode.Listing, _ place: SquashfsPlace) throws(SquashfsError) {
    if levels.count == SquashfsLimits.depth { throw SquashfsError(.tooDeep, offset: place.block) }
    if enteredDirectories == header.inodeCount { throw SquashfsError(.loop, offset: place.block) }
    enteredDirectories += 1
    levels.append(Level(directory: SquashfsDirectory(listing), pathBytes: path.count))
  }

  // MARK: Entries

  /// Nil: it is nothing that a layer can hold.
  private mutating func entry(_ found: SquashfsDirectory.Entry) throws(SquashfsError) -> TarEntry? {
    if !path.isEmpty { path.append(TarPath.separator) }
    path += found.name
    if path.count > TarLimits.pathBytes { throw SquashfsError(.nameTooLong, offset: found.inode.block) }
    let inode = try metadata.inode(at: found.inode, header)
    if case .directory(let listing) = inode.kind {
      try enter(listing, found.inode)
      return try described(inode, .directory)
    }
    if inode.mayHaveNames, let first = try linkTarget(found.inode) {
      var entry = try described(inode, .hardLink)
      entry.linkTarget = first
      return entry
    }
    switch inode.kind {
    case .file(let content):
      data.begin(content)
      isReadingData = content.sizeBytes > 0
      var entry = try described(inode, .file)
      entry.sizeBytes = content.sizeBytes
      return entry
    case .symbolicLink(let target):
      var entry = try described(inode, .symbolicLink)
      entry.linkTarget = target
      return entry
    case .device(let isBlock, let major, let minor):
      var entry = try described(inode, isBlock ? .blockDevice : .characterDevice)
      entry.deviceMajor = major
      entry.deviceMinor = minor
      return entry
    case .fifo: return try described(inode, .fifo)
    case .socket, .directory: return nil
    }
  }

  /// The path under which the same inode came before; nil: this is the first, which is remembered.
  private mutating func linkTarget(_ place: SquashfsPlace) throws(SquashfsError) -> [UInt8]? {
    let key = place.block << 16 | UInt64(place.offset)
    if let first = linked[key] { return first }
    linkBytes += path.count + Self.linkOverheadBytes
    if linkBytes > SquashfsLimits.linkBytes { throw SquashfsError(.tooManyLinks, offset: place.block) }
    linked[key] = path
    return nil
  }

  /// What an inode says of an entry at the path that was reached.
  private mutating func described(_ inode: SquashfsInode, _ kind: TarEntry.Kind) throws(SquashfsError) -> TarEntry {
    guard Int(inode.user) < ids.count, Int(inode.group) < ids.count else {
      throw SquashfsError(.damagedInode, offset: header.idTable)
    }
    let attributes = kind == .hardLink ? [] : try metadata.attributes(inode.attributes, header)
    return TarEntry(
      kind: kind, path: path, linkTarget: [], mode: inode.mode, user: ids[Int(inode.user)],
      group: ids[Int(inode.group)], sizeBytes: 0, modified: TarTime(seconds: Int64(inode.modifiedSeconds)),
      deviceMajor: 0, deviceMinor: 0, attributes: attributes)
  }
}
