/// The first 96 bytes of an image of squashfs 4.0: where everything else is.
public struct SquashfsHeader: Equatable, Sendable {
  public static let byteCount = 96
  /// What stands where there is no such table.
  static let noTable = UInt64.max

  let inodeCount: UInt32
  let blockBytes: UInt32
  let fragmentCount: UInt32
  let idCount: UInt16
  /// A reference into the inode table.
  let rootInode: UInt64
  /// Of the image, what fills up its last block not counted.
  let usedBytes: UInt64
  let idTable: UInt64
  let attributeTable: UInt64
  let inodeTable: UInt64
  let directoryTable: UInt64
  let fragmentTable: UInt64

  private static let magic = Array("hsqs".utf8)
  private static let gzip: UInt16 = 1
  private static let versionOffset = 28

  /// Whether bytes begin as squashfs does, whatever its version; 32 of them tell. A tar archive begins with a name, in
  /// which no such number stands.
  public static func isSquashfs(_ start: ArraySlice<UInt8>) -> Bool {
    let version = start.dropFirst(versionOffset)
    return start.starts(with: magic) && (1...4).contains(version.first ?? 0) && version.dropFirst().first == 0
  }

  /// Reads it; throws where it is of an image that we cannot read.
  public init(parsing bytes: ArraySlice<UInt8>) throws(SquashfsError) {
    guard bytes.starts(with: Self.magic) else { throw SquashfsError(.notSquashfs, offset: 0) }
    guard bytes.count >= Self.byteCount else { throw SquashfsError(.truncated, offset: 0) }
    var fields = LittleEndianFields(bytes.dropFirst(Self.magic.count))
    inodeCount = fields.next()
    fields.skip(4)
    blockBytes = fields.next()
    fragmentCount = fields.next()
    let compression: UInt16 = fields.next()
    let blockLog: UInt16 = fields.next()
    fields.skip(2)
    idCount = fields.next()
    let major: UInt16 = fields.next()
    let minor: UInt16 = fields.next()
    guard major == 4, minor == 0 else { throw SquashfsError(.version(major), offset: 0) }
    guard compression == Self.gzip else { throw SquashfsError(.compression(compression), offset: 0) }
    rootInode = fields.next()
    usedBytes = fields.next()
    idTable = fields.next()
    attributeTable = fields.next()
    inodeTable = fields.next()
    directoryTable = fields.next()
    fragmentTable = fields.next()
    guard (12...20).contains(blockLog), blockBytes == 1 << UInt32(blockLog), idCount > 0, inodeCount > 0,
      inodeTable >= UInt64(Self.byteCount), inodeTable < usedBytes, directoryTable < usedBytes, idTable < usedBytes,
      usedBytes <= UInt64(Int64.max), fragmentCount <= inodeCount
    else { throw SquashfsError(.invalidHeader, offset: 0) }
    if inodeCount > SquashfsLimits.inodes { throw SquashfsError(.tooManyInodes, offset: 0) }
  }
}
