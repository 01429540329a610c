import CSystem

/// Names and attributes of files, and making them last. These wait for the disk: not for use in a running loop.
extension Files {
  /// Renames a file within its file system. A file of the new name is replaced.
  public static func rename(_ path: String, to newPath: String) throws(SystemError) {
    try check(system_rename(path, newPath), "rename", "\(path) to \(newPath)")
  }

  public static func setMode(_ path: String, _ mode: UInt32) throws(SystemError) {
    try check(system_chmod(path, mode), "set the mode of", path)
  }

  /// Makes an existing file's content and size durable. Closing it again ends all of the process's POSIX locks on it.
  public static func sync(_ path: String) throws(SystemError) {
    let file = try FileDescriptor.open(path, O_RDWR)
    try sync(file.rawValue, path)
  }

  /// Makes an open file's content and size durable (fsync(2)).
  public static func sync(_ descriptor: CInt, _ path: String) throws(SystemError) {
    try check(system_fsync(descriptor), "sync", path)
  }

  /// Makes a file that is either whole and durable or, whatever happens meanwhile, not there. One that is there already
  /// is not replaced, but an error.
  public static func createDurably(_ path: String, _ bytes: [UInt8], mode: UInt32) throws(SystemError) {
    let draft = path + ".new"
    try remove(draft)
    let file = try FileDescriptor.open(draft, O_WRONLY | O_CREAT | O_EXCL, mode: mode)
    let count = bytes.withUnsafeBytes { system_write(file.rawValue, $0.baseAddress, $0.count) }
    try check(count, "write", draft)
    if count < bytes.count { throw SystemError("write", draft, .noSpace) }
    try sync(file.rawValue, draft)
    try check(system_rename_new(draft, path), "rename", "\(draft) to \(path)")
    try syncDirectory(directory(of: path))
  }

  /// Makes the names in a directory durable.
  public static func syncDirectory(_ path: String) throws(SystemError) {
    let directory = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY)
    try sync(directory.rawValue, path)
  }

  /// The directory that a path's last name stands in: `/a/b` in `/a`, `b` in `.`.
  public static func directory(of path: String) -> String {
    let bytes = Array(path.utf8)
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == 0 ? "/" : String(decoding: bytes[..<slash], as: UTF8.self)
  }
}
