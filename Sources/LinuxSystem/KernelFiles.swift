import CSystem

/// Operations on descriptors of kernel files: those that are read again and again from their start, and those whose
/// being open means something, as an event registration does.
extension FileDescriptor {
  /// How to open a kernel file.
  public enum Purpose: Sendable {
    case reading, writing, readingAndWriting
    /// A directory, to be named by its descriptor.
    case directory

    var flags: CInt {
      switch self {
      case .reading: O_RDONLY
      case .writing: O_WRONLY
      case .readingAndWriting: O_RDWR | O_NONBLOCK
      case .directory: O_RDONLY | O_DIRECTORY
      }
    }
  }

  /// Opens a file that must exist; the descriptor closes on exec.
  public static func open(_ path: String, for purpose: Purpose) throws(SystemError) -> FileDescriptor {
    try open(path, purpose.flags)
  }

  /// An event counter (eventfd(2)) at 0, non-blocking: readable once someone added to it.
  public static func eventCounter() throws(SystemError) -> FileDescriptor {
    FileDescriptor(owning: try check(system_eventfd(), "create an event descriptor"))
  }

  /// Writes all of `text` in one write(2). `subject` names the file in an error.
  public borrowing func write(_ text: String, subject: String) throws(SystemError) {
    let bytes = Array(text.utf8)
    let count = bytes.withUnsafeBytes { system_write(rawValue, $0.baseAddress, $0.count) }
    try check(count, "write", subject)
    if count < bytes.count { throw SystemError("write", subject, .noSpace) }
  }

  /// Reads the first bytes of a file again, at most `limitBytes`, wherever the descriptor stands.
  public borrowing func readFromStart(limitBytes: Int = 4096, subject: String) throws(SystemError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: limitBytes)
    let count = bytes.withUnsafeMutableBytes { system_pread(rawValue, $0.baseAddress, $0.count, 0) }
    try check(count, "read", subject)
    bytes.removeLast(bytes.count - Int(count))
    return bytes
  }

  /// Empties an event counter, so that it is no longer readable; the number that was added since the last time.
  @discardableResult
  public borrowing func drainEventCounter() -> UInt64 {
    var count: UInt64 = 0
    let result = withUnsafeMutableBytes(of: &count) { system_read(rawValue, $0.baseAddress, $0.count) }
    return result < 0 ? 0 : count
  }
}

extension Files {
  /// The names of the directories in a directory, links to directories left out.
  public static func subdirectories(_ path: String) throws(SystemError) -> [String] {
    try list(path) { isRealDirectory(path + "/" + $0, type: $1) }
  }

  /// The kernel's file systems tell an entry's type when listing; others need a look.
  private static func isRealDirectory(_ path: String, type: UInt8) -> Bool {
    if type != UInt8(DT_UNKNOWN) { return type == UInt8(DT_DIR) }
    var status = system_file_status()
    return system_lstat(path, &status) == 0 && status.mode & UInt32(S_IFMT) == UInt32(S_IFDIR)
  }
}
