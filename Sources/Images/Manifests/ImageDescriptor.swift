/// Says which blob, of what kind, and how long it is (OCI image specification, descriptors).
public struct ImageDescriptor: Equatable, Sendable {
  /// As it is spelled; `MediaType` knows the usual ones.
  public let mediaType: String
  public let digest: Digest
  public let sizeBytes: UInt64

  /// More than any board could hold: what says so is not a size but a mistake.
  public static let maximumSizeBytes: UInt64 = 1 << 40

  public init(mediaType: String, digest: Digest, sizeBytes: UInt64) {
    self.mediaType = mediaType
    self.digest = digest
    self.sizeBytes = sizeBytes
  }

  /// What kind of blob it is; nil: one that we do not know.
  public var kind: MediaType? { MediaType(mediaType) }

  init(_ reader: DocumentReader) throws(ImageError) {
    guard let mediaType = try reader.text("mediaType") else { throw reader.error("mediaType", "absent") }
    guard let digest = reader.value["digest"] else { throw reader.error("digest", "absent") }
    guard let size = reader.value["size"]?.unsignedValue, size <= Self.maximumSizeBytes else {
      throw reader.error("size", "not a number of bytes up to 2^40")
    }
    self.init(mediaType: mediaType, digest: try reader.digest(digest, "digest"), sizeBytes: size)
  }
}
