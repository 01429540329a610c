import Basics
import Crypto
import Microcloud

/// A piece of a blob, as a client brings it: PUT /blobs/DIGEST with Block1 and Size1 (RFC 7959; on streams several blocks of
/// 1 KiB in one message, RFC 8323 section 6). Unlike with most servers, pieces may come in any order, and on several
/// streams at once: each says where it belongs.
public struct BlobBlock: Equatable, Sendable {
  /// SHA-256 of the whole blob.
  public let digest: [UInt8]
  /// The size of the whole blob.
  public let sizeBytes: UInt64
  /// Where the piece belongs.
  public let offset: UInt64
  public let bytes: [UInt8]
  /// As it came; nil: the whole blob is in this one message.
  public let block: CoAPBlock?

  /// As far as the numbers of blocks reach.
  public static let maximumBlobBytes: UInt64 = 1 << 30

  init(digest: [UInt8], _ message: CoAPMessage) throws(RequestError) {
    self.digest = digest
    bytes = message.payload
    let count = UInt64(bytes.count)
    guard let option = message.options[.block1] else {
      (block, offset, sizeBytes) = (nil, 0, count)
      try check()
      return
    }
    guard let block = CoAPBlock(option) else { throw RequestError(.badOption, "Block1: its value is none") }
    guard let size = message.options.unsigned(.size1) else {
      throw RequestError(.invalid, "blob: say with each block how large all of it is (Size1)")
    }
    (self.block, offset, sizeBytes) = (block, block.offset, size)
    try check()
    let isWhole = block.isBERT ? count % UInt64(block.bytes) == 0 : bytes.count == block.bytes
    guard block.isMore == (offset + count < size), isWhole || !block.isMore else {
      throw RequestError(.invalid, "blob: the block at \(offset) has \(count) bytes of \(size): that does not fit")
    }
  }

  private func check() throws(RequestError) {
    guard (1...Self.maximumBlobBytes).contains(sizeBytes) else {
      throw RequestError(.invalid, "blob: one has 1 byte to \(Self.maximumBlobBytes >> 20) MiB")
    }
    guard !bytes.isEmpty, offset < sizeBytes, UInt64(bytes.count) <= sizeBytes - offset else {
      throw RequestError(
        .invalid, "blob: the block at \(offset) has \(bytes.count) bytes of \(sizeBytes): that does not fit")
    }
  }

  /// The digest that a name in a path stands for.
  static func digest(_ name: String) throws(RequestError) -> [UInt8] {
    guard name.utf8.count == 2 * SHA256.digestBytes, let digest = Hexadecimal.bytes(name.utf8) else {
      throw RequestError(.notFound, "blob \(name): blobs are named by their SHA-256, in 64 digits")
    }
    return digest
  }
}
