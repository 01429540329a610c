import CSystem

/// How much may lie below a directory, kept by the kernel's project quota where the file system has that: who wants more is told
/// that the disk quota is exceeded (EDQUOT), whoever it is. 0 of either is as much as there is room for.
public struct FileLimits: Hashable, Sendable {
  public var bytes: UInt64
  /// Files, directories and all else that has an inode.
  public var files: UInt64

  public init(bytes: UInt64 = 0, files: UInt64 = 0) {
    self.bytes = bytes
    self.files = files
  }

  /// Whether limits are kept on the file system that a directory is in. Asks the kernel, not the disk.
  public static func areKept(in directory: String) -> Bool {
    guard let file = try? FileDescriptor.open(directory, for: .directory) else { return false }
    return system_keeps_project_quotas(file.rawValue) == 1
  }

  /// Gives other limits to a directory that a container's start has limited; to another it does nothing. May wait for the disk.
  public func set(on directory: String) {
    guard let file = try? FileDescriptor.open(directory, for: .directory) else { return }
    _ = system_limit_files(file.rawValue, bytes, files)
  }

  /// What lies below a limited directory; nil: it is not limited. Does not wait for the disk while a container runs in it.
  public static func used(in directory: String) -> FileLimits? {
    guard let file = try? FileDescriptor.open(directory, for: .directory) else { return nil }
    var used = FileLimits()
    return system_used_files(file.rawValue, &used.bytes, &used.files) == 0 ? used : nil
  }
}
