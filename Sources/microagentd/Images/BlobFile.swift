import CSystem
import Crypto
import LinuxSystem
import MicroAgent
import Microcloud

/// A blob that is under way: its file, and what of it is there.
///
/// What the map beside it says is durable: it is written after the file is synced. After a crash the rest is asked for again.
final class BlobFile {
  let digest: [UInt8]
  let sizeBytes: UInt64
  private(set) var have = ByteRuns()
  private let files: ImageFiles
  private let file: FileDescriptor
  /// Of the bytes from the first on, without a gap; they are read again, which finds them in memory.
  private var hash: SHA256Stream
  private var hashedBytes: UInt64 = 0
  private var unsyncedBytes: UInt64 = 0

  /// Syncing each piece would wear flash, and take its time; what a crash takes is sent again.
  private static let syncBytes: UInt64 = 4 << 20
  private static let hashBytes = 64 * 1024
  /// Runs in a map, as CBOR.
  private static let maximumMapBytes = 8 * 1024

  /// Goes on with what is there, or begins anew with a file of this size.
  init(_ digest: [UInt8], sizeBytes: UInt64, _ files: ImageFiles) throws(SystemError) {
    do throws(CryptoError) { hash = try SHA256Stream() } catch { throw Self.noHash(files.part(digest)) }
    self.digest = digest
    self.sizeBytes = sizeBytes
    self.files = files
    let found = Self.found(digest, files)
    file = try FileDescriptor.open(files.part(digest), O_RDWR | O_CREAT)
    if let found, found.sizeBytes == sizeBytes {
      have = found.have
    } else {
      try Files.remove(files.map(digest))
      try check(system_ftruncate(file.rawValue, 0), "empty", files.part(digest))
      // Where the file system can, the room is this blob's from here on.
      let result = system_allocate(file.rawValue, Int64(sizeBytes))
      if result == -Errno.noSpace.rawValue {
        try? Files.remove(files.part(digest))
        throw SystemError("make room for", files.part(digest), .noSpace)
      }
    }
  }

  /// What a map says; nil: there is none.
  static func found(_ digest: [UInt8], _ files: ImageFiles) -> (sizeBytes: UInt64, have: ByteRuns)? {
    guard Files.exists(files.part(digest)),
      let bytes = try? Files.read(files.map(digest), limitBytes: maximumMapBytes),
      let items = try? CBORDecoder.decode(bytes).arrayValue, items.count == 2, let size = items[0].unsignedValue,
      let have = ByteRuns(items[1])
    else { return nil }
    return (size, have)
  }

  /// Writes a piece. False: it would leave too many gaps, and is not taken.
  func write(_ bytes: [UInt8], at offset: UInt64) throws(SystemError) -> Bool {
    var grown = have
    guard grown.add(offset..<offset + UInt64(bytes.count)) else { return false }
    let count = bytes.withUnsafeBytes { system_pwrite(file.rawValue, $0.baseAddress, $0.count, Int64(offset)) }
    try check(count, "write", files.part(digest))
    if count < bytes.count { throw SystemError("write", files.part(digest), .noSpace) }
    have = grown
    unsyncedBytes += UInt64(bytes.count)
    if unsyncedBytes >= Self.syncBytes { try sync() }
    try hashOn()
    return true
  }

  var isWhole: Bool { have.prefixBytes == sizeBytes }

  /// Makes what there is last.
  func sync() throws(SystemError) {
    if unsyncedBytes == 0 { return }
    try Files.sync(file.rawValue, files.part(digest))
    let map = CBORValue.array([.unsigned(sizeBytes), have.value]).encoded
    try Files.remove(files.map(digest) + ".next")
    try Files.createDurably(files.map(digest) + ".next", map, mode: 0o600)
    try Files.rename(files.map(digest) + ".next", to: files.map(digest))
    unsyncedBytes = 0
  }

  /// Once all of it is there: whether it is what it should be. If so it has its name, durably, else nothing is left of it.
  func finish() throws(SystemError) -> Bool {
    let found: [UInt8]
    do throws(CryptoError) { found = try hash.finish() } catch { throw Self.noHash(files.part(digest)) }
    guard found == digest else {
      remove()
      return false
    }
    try Files.sync(file.rawValue, files.part(digest))
    try Files.rename(files.part(digest), to: files.blob(digest))
    try Files.syncDirectory(files.blobs)
    try Files.remove(files.map(digest))
    return true
  }

  private static func noHash(_ path: String) -> SystemError { SystemError("hash", path, .outOfMemory) }

  func remove() {
    try? Files.remove(files.part(digest))
    try? Files.remove(files.map(digest))
  }

  private func hashOn() throws(SystemError) {
    let end = have.prefixBytes
    if hashedBytes >= end { return }
    var buffer = [UInt8](repeating: 0, count: Self.hashBytes)
    while hashedBytes < end {
      let wanted = Int(min(UInt64(Self.hashBytes), end - hashedBytes))
      let count = buffer.withUnsafeMutableBytes {
        system_pread(file.rawValue, $0.baseAddress, wanted, Int64(hashedBytes))
      }
      try check(count, "read", files.part(digest))
      if count == 0 { throw SystemError("read", files.part(digest), .inputOutput) }
      do throws(CryptoError) { try hash.update(buffer[..<Int(count)]) } catch { throw Self.noHash(files.part(digest)) }
      hashedBytes += UInt64(count)
    }
  }
}
