import CSystem
import Crypto
import LinuxSystem

/// A blob that is to be brought to a node, and where its bytes are.
struct BlobSource {
  enum Place {
    case memory([UInt8])
    /// In a file, from this byte on.
    case file(path: String, offset: UInt64)
    /// In what a file in gzip holds, from this byte on.
    case gzip(GzipArchive, offset: UInt64)
  }

  /// Its SHA-256.
  let digest: [UInt8]
  let sizeBytes: UInt64
  let place: Place

  init(digest: [UInt8], sizeBytes: UInt64, place: Place) {
    self.digest = digest
    self.sizeBytes = sizeBytes
    self.place = place
  }

  /// One that is in memory.
  init(_ bytes: [UInt8]) throws(Failure) {
    do throws(CryptoError) { digest = try SHA256.hash(bytes) } catch {
      throw Failure(.refused, "hash a blob: \(error)")
    }
    sizeBytes = UInt64(bytes.count)
    place = .memory(bytes)
  }

  /// Opens it for reading.
  func reader() throws(Failure) -> BlobReader {
    switch place {
    case .memory(let bytes): return BlobReader(bytes: bytes)
    case .file(let path, let offset): return try BlobReader(path: path, offset: offset)
    case .gzip(let archive, let offset): return BlobReader(archive, offset: offset)
    }
  }
}

/// Reads a blob's bytes, in any order.
final class BlobReader {
  private enum Content: ~Copyable {
    case memory([UInt8])
    case file(FileDescriptor)
    case gzip(GzipArchive)
  }

  private let content: Content
  private let path: String
  private let offset: UInt64

  init(bytes: [UInt8]) {
    content = .memory(bytes)
    path = ""
    offset = 0
  }

  init(path: String, offset: UInt64) throws(Failure) {
    do throws(SystemError) { content = .file(try FileDescriptor.open(path, O_RDONLY)) } catch {
      throw Failure(.refused, "\(error)")
    }
    self.path = path
    self.offset = offset
  }

  init(_ archive: GzipArchive, offset: UInt64) {
    content = .gzip(archive)
    path = archive.path
    self.offset = offset
  }

  func read(_ range: Range<UInt64>) throws(Failure) -> [UInt8] {
    switch content {
    case .memory(let bytes): return Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)])
    case .file(let file): return try read(range, file.rawValue)
    case .gzip(let archive): return try read(range, archive)
    }
  }

  private func read(_ range: Range<UInt64>, _ archive: GzipArchive) throws(Failure) -> [UInt8] {
    let piece = try archive.read(at: offset + range.lowerBound, most: range.count)
    guard let piece, piece.count == range.count else {
      throw Failure(.refused, "read \(path): it has become shorter meanwhile")
    }
    return piece
  }

  private func read(_ range: Range<UInt64>, _ descriptor: CInt) throws(Failure) -> [UInt8] {
    var piece = [UInt8](repeating: 0, count: Int(range.upperBound - range.lowerBound))
    let start = Int64(offset + range.lowerBound)
    let count = piece.withUnsafeMutableBytes { system_pread(descriptor, $0.baseAddress, $0.count, start) }
    if count < 0 { throw Failure(.refused, "read \(path): \(Errno(rawValue: CInt(-count)))") }
    if count < piece.count { throw Failure(.refused, "read \(path): it has become shorter meanwhile") }
    return piece
  }
}
