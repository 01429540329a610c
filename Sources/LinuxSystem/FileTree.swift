import CSystem

/// Directories with all that is in them.
public enum FileTree {
  /// Deeper trees than this are refused rather than followed: a container may have made them to hurt.
  public static let maximumDepth = 512

  /// Removes a directory and everything below it; links are removed, not followed. Goes on past what cannot be removed
  /// and tells the first reason.
  public static func remove(_ path: String) throws(SystemError) {
    if let failure = removeAll(path, depth: 0) { throw failure }
  }

  private static func removeAll(_ path: String, depth: Int) -> SystemError? {
    if depth > maximumDepth { return SystemError("remove", path, .nameTooLong) }
    var status = system_file_status()
    if system_lstat(path, &status) < 0 { return nil }
    do throws(SystemError) {
      guard status.mode & UInt32(S_IFMT) == UInt32(S_IFDIR) else {
        try Files.remove(path)
        return nil
      }
      var failure: SystemError?
      for name in try Files.list(path) {
        let found = removeAll("\(path)/\(name)", depth: depth + 1)
        failure = failure ?? found
      }
      if let failure { return failure }
      try Files.removeDirectory(path)
      return nil
    } catch {
      return error
    }
  }
}
