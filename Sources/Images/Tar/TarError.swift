/// Why bytes are not a tar archive that we take, and in which entry: `read tar: byte 1024: the header's checksum is wrong`.
public struct TarError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What is wrong.
  public enum Reason: Equatable, Sendable {
    case truncated
    case wrongChecksum
    case invalidNumber
    case invalidExtension
    case extensionTooLong
    case tooManyAttributes
    case emptyName
    case parentName
    case zeroByteInName
    case nameTooLong
    case invalidLink
    case sparse
    case unknownKind
    case bytesAfterEnd
  }

  /// What is wrong there.
  public let reason: Reason
  /// Bytes from the start of the archive to the header at fault.
  public let offset: UInt64

  public init(_ reason: Reason, offset: UInt64) {
    self.reason = reason
    self.offset = offset
  }

  /// One line for a person.
  public var description: String {
    "read tar: byte \(offset): \(reason.text)"
  }
}

extension TarError.Reason {
  var text: String {
    switch self {
    case .truncated: "the archive ends inside an entry"
    case .wrongChecksum: "the header's checksum is wrong: not a tar archive, or a damaged one"
    case .invalidNumber: "a number that is none, or beyond what its field may hold"
    case .invalidExtension: "an extended header that is not one of pax"
    case .extensionTooLong: "an extended header of more than \(TarLimits.extensionBytes) bytes"
    case .tooManyAttributes: "more than \(TarLimits.attributes) extended attributes"
    case .emptyName: "an entry without a name"
    case .parentName: "a name with '..' in it leads out of the archive"
    case .zeroByteInName: "a name with NUL in it"
    case .nameTooLong:
      "a name of more than \(TarLimits.pathBytes) bytes, or with a part of more than \(TarLimits.nameBytes)"
    case .invalidLink: "a link to nothing"
    case .sparse: "a sparse file: write the archive without --sparse"
    case .unknownKind: "an entry of a kind that only some archivers know"
    case .bytesAfterEnd: "an entry after a block of zeros"
    }
  }
}

/// What an archive may ask of its reader.
public enum TarLimits {
  /// Of a path and of what a link says (PATH_MAX less its NUL).
  public static let pathBytes = 4095
  /// Of one part of a path (NAME_MAX).
  public static let nameBytes = 255
  /// Of one extended header: two paths, and attributes as large as a disk's file system takes them.
  public static let extensionBytes = 64 * 1024
  /// Of one entry.
  public static let attributes = 32
}
