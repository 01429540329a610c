import Basics
import CSystem
import LinuxSystem

/// The disk, card or stick that is written to; or, where that was asked for, a regular file.
final class FlashTarget {
  let path: String
  private(set) var facts: DiskFacts
  private var file: FileDescriptor

  /// Only to be looked at.
  init(_ path: String, allowsFile: Bool) throws(Failure) {
    self.path = path
    do throws(SystemError) {
      file = try FileDescriptor.open(path, O_RDONLY)
      facts = try Self.facts(of: file.rawValue, path, allowsFile: allowsFile)
    } catch {
      throw Failure(.refused, error.errno == .notBlockDevice ? Self.noDevice(path) : "flash: \(error)")
    }
    findContents()
  }

  private static func noDevice(_ path: String) -> String {
    "flash: \(path) is no block device: give a disk or card, as /dev/sdb (--file lets it be a regular file)"
  }

  private static func facts(of file: CInt, _ path: String, allowsFile: Bool) throws(SystemError) -> DiskFacts {
    var numbers: (UInt32, UInt32) = (0, 0)
    let result = withUnsafeMutablePointer(to: &numbers) {
      $0.withMemoryRebound(to: UInt32.self, capacity: 2) { system_block_device(file, $0) }
    }
    var status = system_file_status()
    if result == -Errno.notBlockDevice.rawValue, allowsFile, system_fstat(file, &status) == 0,
      status.mode & UInt32(S_IFMT) == UInt32(S_IFREG)
    {
      return DiskFacts(name: path, sizeBytes: status.size_bytes, whole: DiskFacts.Part(name: path, sizeBytes: 0))
    }
    try check(result, "look at", path)
    guard let facts = DiskSurvey().facts(major: numbers.0, minor: numbers.1) else {
      throw SystemError("look in /sys for", path, .noSuchFile)
    }
    return facts
  }

  // MARK: What is on it

  /// Tells the file systems; and the partitions too, where the kernel has not read the table.
  private func findContents() {
    if facts.partitions.isEmpty, let table = PartitionTable(head(PartitionTable.sectorBytes, at: 0)[...]) {
      for (index, entry) in table.entries.enumerated() where entry.isUsed {
        facts.partitions.append(
          DiskFacts.Part(name: "partition \(index + 1)", startBytes: entry.startBytes, sizeBytes: entry.sizeBytes))
      }
    }
    for index in facts.partitions.indices {
      facts.partitions[index].content = content(at: facts.partitions[index].startBytes)
    }
    if facts.partitions.isEmpty { facts.whole.content = content(at: 0) }
  }

  private func content(at offset: UInt64) -> String {
    FileSystemSignature.text(of: head(FileSystemSignature.headBytes, at: offset))
  }

  /// As much of it as can be read.
  private func head(_ count: Int, at offset: UInt64) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    guard let offset = Int64(exactly: offset) else { return [] }
    let got = bytes.withUnsafeMutableBytes { system_pread(file.rawValue, $0.baseAddress, $0.count, offset) }
    return Array(bytes.prefix(max(0, Int(got))))
  }

  // MARK: Writing and reading

  /// Opens it for writing. The kernel lets nobody mount it meanwhile, and refuses where somebody has.
  func openForWriting() throws(Failure) {
    do throws(SystemError) { file = try FileDescriptor.open(path, O_RDWR | O_EXCL) } catch {
      if error.errno == .busy {
        throw Failure(.refused, "flash: \(facts.name) is in use by somebody else: unmount or close it, and try again")
      }
      throw Failure(.refused, "flash: \(error)")
    }
    // It could be another card by now.
    guard system_end_offset(file.rawValue) == Int64(facts.sizeBytes) else {
      throw Failure(.refused, "flash: \(facts.name) has changed meanwhile: begin again")
    }
  }

  func write(_ bytes: ArraySlice<UInt8>, at offset: UInt64) throws(Failure) {
    var rest = bytes
    while !rest.isEmpty {
      let place = Int64(offset) + Int64(rest.startIndex - bytes.startIndex)
      let count = rest.withUnsafeBytes { system_pwrite(file.rawValue, $0.baseAddress, $0.count, place) }
      try judge(count == 0 ? -Int(Errno.noSpace.rawValue) : count, "write")
      rest = rest.dropFirst(count)
    }
  }

  /// Reads all of a piece.
  func read(_ count: Int, at offset: UInt64) throws(Failure) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var done = 0
    while done < count {
      let place = Int64(offset) + Int64(done)
      let got = bytes.withUnsafeMutableBytes {
        system_pread(file.rawValue, $0.baseAddress! + done, $0.count - done, place)
      }
      try judge(got == 0 ? -Int(Errno.inputOutput.rawValue) : got, "read")
      done += got
    }
    return bytes
  }

  /// Waits until the medium has what was written.
  func sync() throws(Failure) { try judge(Int(system_fsync(file.rawValue)), "write") }

  /// What is read next comes from the medium.
  func forgetCached() throws(Failure) {
    try judge(Int(system_forget_cached(file.rawValue)), "forget what is cached of")
  }

  /// Lets the kernel see the new partitions. One that cannot sees them when the card is put in again.
  func showPartitions() { _ = system_reread_partitions(file.rawValue) }

  private func judge(_ result: Int, _ action: String) throws(Failure) {
    if result < 0 { throw Failure(.refused, "flash: \(action) \(path): \(Errno(rawValue: CInt(-result)))") }
  }
}
