/// Why bytes are not a squashfs image that we take: `read squashfs: byte 4096: a directory is damaged`.
public struct SquashfsError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What is wrong.
  public enum Reason: Equatable, Sendable {
    case truncated
    case notSquashfs
    case version(UInt16)
    /// By what we do not know: its number.
    case compression(UInt16)
    case invalidHeader
    case damagedBlock
    case damagedTable
    case damagedInode
    case damagedDirectory
    case damagedAttribute
    case damagedFile
    case invalidName
    case nameTooLong
    case tooDeep
    case loop
    case tooManyInodes
    case tooManyLinks
    case tooManyAttributes
    /// Its bytes could not be had: why.
    case unreadable(String)
  }

  public let reason: Reason
  /// Bytes from the start of the image to what is at fault, or to what says where that is.
  public let offset: UInt64

  public init(_ reason: Reason, offset: UInt64) {
    self.reason = reason
    self.offset = offset
  }

  /// One line for a person.
  public var description: String {
    switch reason {
    // Where these stand says nothing to anybody.
    case .notSquashfs, .version, .compression, .unreadable: "read squashfs: \(reason.text)"
    default: "read squashfs: byte \(offset): \(reason.text)"
    }
  }
}

extension SquashfsError.Reason {
  private static let advice = "make it with `mksquashfs ROOT IMAGE -comp gzip`"

  var text: String {
    switch self {
    case .truncated: "the image ends before what it points to: copy it again"
    case .notSquashfs: "it does not begin as such an image does"
    case .version(let major): "version \(major) of the format, not 4.0: \(Self.advice)"
    case .compression(let number): "compressed with \(Self.compressor(number)): \(Self.advice)"
    case .invalidHeader: "its sizes do not fit one another: not a squashfs image, or a damaged one"
    case .damagedBlock: "a compressed block is damaged"
    case .damagedTable: "a table is damaged"
    case .damagedInode: "an inode is damaged"
    case .damagedDirectory: "a directory is damaged"
    case .damagedAttribute: "an extended attribute is damaged"
    case .damagedFile: "a file's data are damaged"
    case .invalidName: "a name that no file can have, or a link to nothing"
    case .nameTooLong:
      "a path of more than \(TarLimits.pathBytes) bytes, or a name of more than \(TarLimits.nameBytes)"
    case .tooDeep: "more than \(SquashfsLimits.depth) directories inside one another"
    case .loop: "more directories than there are inodes: one is in two places"
    case .tooManyInodes: "more than \(SquashfsLimits.inodes) files and directories"
    case .tooManyLinks: "too many files have more than one name: copy some of them"
    case .tooManyAttributes: "more than \(TarLimits.attributes) extended attributes of a file"
    case .unreadable(let why): why
    }
  }

  private static func compressor(_ number: UInt16) -> String {
    switch number {
    case 2: "lzma"
    case 3: "lzo"
    case 4: "xz"
    case 5: "lz4"
    case 6: "zstd"
    default: "something new (\(number))"
    }
  }
}

/// What an image may ask of its reader.
public enum SquashfsLimits {
  /// Files and directories: as many as the unpacker takes of a distribution, several times.
  public static let inodes: UInt32 = 1 << 20
  /// Directories inside one another.
  public static let depth = 256
  /// For the first paths of files that may have others: they are remembered until the end.
  public static let linkBytes = 2 << 20
  /// Blocks of 8 KiB with inodes and directories that are kept for the next who asks.
  public static let keptBlocks = 8
}
