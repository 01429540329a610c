import CSystem

/// Paths as a person at a prompt writes them.
public enum Paths {
  /// The absolute path of what `path` names from the current directory on.
  ///
  /// A path with `..` in it must exist, since only the kernel knows where `..` leads behind a symbolic link; any other is
  /// taken as it is written.
  public static func absolute(_ path: String) throws(SystemError) -> String {
    let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: true)
    if parts.contains(where: { $0.elementsEqual("..".utf8) }) { return try real(path) }
    var joined = path.utf8.first == UInt8(ascii: "/") ? "" : try currentDirectory()
    if joined == "/" { joined = "" }
    for part in parts where !part.elementsEqual(".".utf8) { joined += "/" + String(Substring(part)) }
    return joined.isEmpty ? "/" : joined
  }

  public static func currentDirectory() throws(SystemError) -> String {
    try text("find", "the current directory") { system_current_directory($0, $1) }
  }

  private static func real(_ path: String) throws(SystemError) -> String {
    try text("find", path) { system_real_path(path, $0, $1) }
  }

  private static func text(
    _ action: String, _ subject: String, _ fill: (UnsafeMutablePointer<CChar>, Int) -> CInt
  ) throws(SystemError) -> String {
    let capacity = 4096
    let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: capacity)
    defer { buffer.deallocate() }
    buffer[0] = 0
    try check(fill(buffer, capacity), action, subject)
    return String(cString: buffer)
  }
}
