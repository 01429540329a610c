/// An inode as it stands in the table: what is common to all kinds, and of what kind it is.
struct SquashfsInode {
  enum Kind {
    case directory(Listing)
    case file(Data)
    case symbolicLink([UInt8])
    case device(isBlock: Bool, major: UInt32, minor: UInt32)
    case fifo
    /// Of use only to the program that made it.
    case socket
  }

  /// Where a directory's entries are.
  struct Listing {
    var place: SquashfsPlace
    var restBytes: UInt32
  }

  /// Where a file's bytes are: whole blocks one after the other, and what is left over in a fragment with others'.
  struct Data {
    /// Of the first block.
    var position: UInt64
    let sizeBytes: UInt64
    /// `SquashfsInode.none`: it has none, and its last block is shorter.
    let fragment: UInt32
    let fragmentOffset: UInt32
    /// Where the blocks' lengths stand, four bytes each.
    var lengths: SquashfsPlace
  }

  /// Instead of an index: there is no such thing.
  static let none = UInt32.max

  let mode: UInt32
  /// Indexes in the table of ids.
  let user: UInt16
  let group: UInt16
  let modifiedSeconds: UInt32
  let kind: Kind
  /// How many names it has, as it says; of directories it means something else.
  let links: UInt32
  /// An index in the table of attributes.
  let attributes: UInt32

  /// Whether it may be found under several paths. Devices are not made, and what is not there cannot be linked.
  var mayHaveNames: Bool {
    switch kind {
    case .file, .symbolicLink, .fifo: links > 1
    case .directory, .device, .socket: false
    }
  }
}

extension SquashfsMetadata {
  private static var commonBytes: Int { 16 }

  /// Reads the inode at a place.
  mutating func inode(
    at start: SquashfsPlace, _ header: SquashfsHeader
  ) throws(SquashfsError) -> SquashfsInode {
    var place = start
    var fields = LittleEndianFields(try read(Self.commonBytes, at: &place)[...])
    let type: UInt16 = fields.next()
    let mode: UInt16 = fields.next()
    let user: UInt16 = fields.next()
    let group: UInt16 = fields.next()
    let modified: UInt32 = fields.next()
    let (kind, links, attributes) = try kind(type, at: &place, header, start)
    return SquashfsInode(
      mode: UInt32(mode) & 0o7777, user: user, group: group, modifiedSeconds: modified, kind: kind, links: links,
      attributes: attributes)
  }

  private typealias Rest = (kind: SquashfsInode.Kind, links: UInt32, attributes: UInt32)

  /// What follows the common part. Kinds up to 7 are basic, the same and 7 more extended: these may have attributes.
  private mutating func kind(
    _ type: UInt16, at place: inout SquashfsPlace, _ header: SquashfsHeader, _ start: SquashfsPlace
  ) throws(SquashfsError) -> Rest {
    switch type {
    case 1: return try directory(at: &place, header)
    case 8: return try extendedDirectory(at: &place, header)
    case 2: return try file(at: &place)
    case 9: return try extendedFile(at: &place)
    case 3, 10: return try symbolicLink(at: &place, isExtended: type == 10)
    case 4, 5, 11, 12:
      var fields = LittleEndianFields(try read(8, at: &place)[...])
      let links: UInt32 = fields.next()
      let device: UInt32 = fields.next()
      let kind = SquashfsInode.Kind.device(
        isBlock: type == 4 || type == 11, major: device >> 8 & 0xFFF, minor: device & 0xFF | device >> 12 & 0xFFF00)
      return (kind, links, SquashfsInode.none)
    case 6, 7, 13, 14:
      var fields = LittleEndianFields(try read(4, at: &place)[...])
      return (type == 6 || type == 13 ? .fifo : .socket, fields.next(), SquashfsInode.none)
    default: throw SquashfsError(.damagedInode, offset: start.block)
    }
  }

  private mutating func directory(
    at place: inout SquashfsPlace, _ header: SquashfsHeader
  ) throws(SquashfsError) -> Rest {
    var fields = LittleEndianFields(try read(16, at: &place)[...])
    let block: UInt32 = fields.next()
    let links: UInt32 = fields.next()
    let size: UInt16 = fields.next()
    let offset: UInt16 = fields.next()
    return (listing(block, offset, UInt32(size), header), links, SquashfsInode.none)
  }

  private mutating func extendedDirectory(
    at place: inout SquashfsPlace, _ header: SquashfsHeader
  ) throws(SquashfsError) -> Rest {
    var fields = LittleEndianFields(try read(24, at: &place)[...])
    let links: UInt32 = fields.next()
    let size: UInt32 = fields.next()
    let block: UInt32 = fields.next()
    fields.skip(6)  // its parent, and how long the index is that we do not read
    let offset: UInt16 = fields.next()
    return (listing(block, offset, size, header), links, fields.next())
  }

  /// A size counts three bytes for `.` and `..`, which are not there.
  private func listing(
    _ block: UInt32, _ offset: UInt16, _ sizeBytes: UInt32, _ header: SquashfsHeader
  ) -> SquashfsInode.Kind {
    let place = SquashfsPlace(block: header.directoryTable + UInt64(block), offset: Int(offset))
    return .directory(SquashfsInode.Listing(place: place, restBytes: sizeBytes - min(sizeBytes, 3)))
  }

  private mutating func file(at place: inout SquashfsPlace) throws(SquashfsError) -> Rest {
    var fields = LittleEndianFields(try read(16, at: &place)[...])
    let position: UInt32 = fields.next()
    let fragment: UInt32 = fields.next()
    let offset: UInt32 = fields.next()
    let size: UInt32 = fields.next()
    let data = SquashfsInode.Data(
      position: UInt64(position), sizeBytes: UInt64(size), fragment: fragment, fragmentOffset: offset, lengths: place)
    return (.file(data), 1, SquashfsInode.none)
  }

  private mutating func extendedFile(at place: inout SquashfsPlace) throws(SquashfsError) -> Rest {
    var fields = LittleEndianFields(try read(40, at: &place)[...])
    let position: UInt64 = fields.next()
    let size: UInt64 = fields.next()
    fields.skip(8)  // how much of it are holes
    let links: UInt32 = fields.next()
    let fragment: UInt32 = fields.next()
    let offset: UInt32 = fields.next()
    let data = SquashfsInode.Data(
      position: position, sizeBytes: size, fragment: fragment, fragmentOffset: offset, lengths: place)
    return (.file(data), links, fields.next())
  }

  private mutating func symbolicLink(
    at place: inout SquashfsPlace, isExtended: Bool
  ) throws(SquashfsError) -> Rest {
    let start = place.block
    var fields = LittleEndianFields(try read(8, at: &place)[...])
    let links: UInt32 = fields.next()
    let count: UInt32 = fields.next()
    guard count <= UInt32(TarLimits.pathBytes) else { throw SquashfsError(.nameTooLong, offset: start) }
    let target = try read(Int(count), at: &place)
    if target.isEmpty || target.contains(0) { throw SquashfsError(.invalidName, offset: start) }
    // What attributes a link has are of no use to anybody here.
    return (.symbolicLink(target), links, SquashfsInode.none)
  }
}
