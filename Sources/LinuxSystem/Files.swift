import Basics
import CSystem

/// Whole-file and directory operations, each one libc call or a short loop of one.
public enum Files {
  /// Reads a file to its end, or the first `limitBytes` of it: kernel files and settings are small, and bad ones must not
  /// grow memory.
  ///
  /// - Parameters:
  ///   - expectedBytes: up to so many come with one call of the kernel.
  ///   - inOnePiece: it is a file on a disk, or one that the kernel gives whole: a piece that is shorter than it could be is
  ///     the last, and no further one is asked for. Not so of lists, as those of mounts and processes.
  public static func read(
    _ path: String, limitBytes: Int = 64 * 1024, expectedBytes: Int = 512, inOnePiece: Bool = false
  ) throws(SystemError) -> [UInt8] {
    let file = try FileDescriptor.open(path, O_RDONLY)
    var bytes: [UInt8] = []
    while bytes.count < limitBytes {
      let start = bytes.count
      // Most are read in one piece, and that one takes no page of its own from the kernel.
      let chunkBytes = max(expectedBytes, start)
      bytes += [UInt8](repeating: 0, count: min(chunkBytes, limitBytes - start))
      let room = bytes.count - start
      let count = bytes.withUnsafeMutableBytes {
        system_read(file.rawValue, $0.baseAddress! + start, $0.count - start)
      }
      bytes.removeLast(bytes.count - start - max(0, Int(count)))
      try check(count, "read", path)
      if count == 0 || inOnePiece && Int(count) < room { break }
    }
    return bytes
  }

  /// Writes `bytes` in one write(2), as kernel files want it. The file must exist.
  public static func write(_ bytes: [UInt8], to path: String) throws(SystemError) {
    let file = try FileDescriptor.open(path, O_WRONLY)
    let count = bytes.withUnsafeBytes { system_write(file.rawValue, $0.baseAddress, $0.count) }
    try check(count, "write", path)
    if count < bytes.count { throw SystemError("write", path, .noSpace) }
  }

  /// The same of a string.
  public static func write(_ text: String, to path: String) throws(SystemError) {
    try write(Array(text.utf8), to: path)
  }

  /// Makes a file with this content, or empties one that is there before. Nothing of it need be durable.
  public static func create(_ path: String, _ bytes: [UInt8], mode: UInt32) throws(SystemError) {
    let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode: mode)
    let count = bytes.withUnsafeBytes { system_write(file.rawValue, $0.baseAddress, $0.count) }
    try check(count, "write", path)
    if count < bytes.count { throw SystemError("write", path, .noSpace) }
  }

  public static func exists(_ path: String) -> Bool {
    var status = system_file_status()
    return system_lstat(path, &status) == 0
  }

  public static func isDirectory(_ path: String) -> Bool {
    var status = system_file_status()
    return system_stat(path, &status) == 0 && status.mode & UInt32(S_IFMT) == UInt32(S_IFDIR)
  }

  /// Makes a directory; one that is already there is as good.
  public static func makeDirectory(_ path: String, mode: UInt32 = 0o755) throws(SystemError) {
    let result = system_mkdir(path, mode)
    if result == -Errno.fileExists.rawValue, isDirectory(path) { return }
    try check(result, "make directory", path)
  }

  /// Makes a directory and those above it.
  public static func makeDirectories(_ path: String, mode: UInt32 = 0o755) throws(SystemError) {
    let bytes = Array(path.utf8)
    for index in bytes.indices where index > 0 && bytes[index] == UInt8(ascii: "/") {
      try makeDirectory(ASCII.string(bytes[..<index]), mode: mode)
    }
    try makeDirectory(path, mode: mode)
  }

  /// Removes an empty directory; one that is already gone is as good.
  public static func removeDirectory(_ path: String) throws(SystemError) {
    let result = system_rmdir(path)
    if result == -Errno.noSuchFile.rawValue { return }
    try check(result, "remove directory", path)
  }

  /// Removes a file; one that is already gone is as good.
  public static func remove(_ path: String) throws(SystemError) {
    let result = system_unlink(path)
    if result == -Errno.noSuchFile.rawValue { return }
    try check(result, "remove", path)
  }

  /// The names in a directory, in no order, without `.` and `..`.
  public static func list(_ path: String) throws(SystemError) -> [String] {
    try list(path) { _, _ in true }
  }

  /// The same of those that are wanted; a type that the file system does not tell is `DT_UNKNOWN`.
  static func list(_ path: String, where isWanted: (_ name: String, _ type: UInt8) -> Bool) throws(SystemError)
    -> [String]
  {
    guard let directory = opendir(path) else {
      // opendir's own reason is lost to Swift; opening the directory again tells it.
      _ = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY)
      throw SystemError("list", path, .outOfMemory)
    }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != "..", isWanted(name, entry.pointee.d_type) { names.append(name) }
    }
    return names
  }

  /// What a symbolic link says.
  public static func readLink(_ path: String) throws(SystemError) -> String {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes {
      system_readlink(path, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    try check(count, "read link", path)
    return ASCII.string(buffer[..<Int(count)])
  }
}
