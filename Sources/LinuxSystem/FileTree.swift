import CSystem

/// Directories with all that is in them.
public enum FileTree {
  /// Removes a directory and everything below it; links are removed, not followed. What is not there is as good. Goes on past
  /// what cannot be removed and tells the first reason.
  ///
  /// A stranger may have made the tree to hurt: however deep it is, long its paths are, or odd its names, it goes.
  public static func remove(_ path: String) throws(SystemError) {
    try remove(Array(path.utf8CString), in: AT_FDCWD, path)
  }

  /// The same of a name, NUL at its end, in an open directory; `path` is what an error calls it.
  public static func remove(_ name: [CChar], in directory: CInt, _ path: String) throws(SystemError) {
    let result = system_unlinkat(directory, name)
    if result == 0 || result == -Errno.noSuchFile.rawValue { return }
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
    let opened = system_openat(directory, name, flags, 0)
    // Of what is no directory, why it could not be unlinked is the reason.
    if opened == -Errno.notDirectory.rawValue { try check(result, "remove", path) }
    let top = FileDescriptor(owning: try check(opened, "open", path))
    var emptying = TreeEmptying(top: top.rawValue)
    emptying.run()
    if let failure = emptying.failure { throw SystemError("remove what is in", path, failure) }
    try check(system_remove_directory_at(directory, name), "remove directory", path)
  }
}

/// Removes all that is in a directory. It holds open one directory a level; what lies deeper than it can hold is moved up to the
/// top and removed from there.
private struct TreeEmptying {
  private static let maximumDepth = 64
  /// Of a directory that may have millions, so many names at a time.
  private static let batchCount = 256

  let top: CInt
  /// The first reason why something is left.
  private(set) var failure: Errno?
  private var movedCount = 0

  init(top: CInt) {
    self.top = top
  }

  mutating func run() {
    var movedBefore: Int
    repeat {
      movedBefore = movedCount
      empty(top, depth: 1)
    } while movedCount > movedBefore && failure == nil
  }

  private mutating func empty(_ directory: CInt, depth: Int) {
    while true {
      let names = someNames(in: directory)
      var removedCount = 0
      for name in names where remove(name, in: directory, depth: depth) { removedCount += 1 }
      // The same names again would be left again.
      if removedCount == 0 { return }
    }
  }

  /// Whether the name is gone from the directory.
  private mutating func remove(_ name: [CChar], in directory: CInt, depth: Int) -> Bool {
    let result = system_unlinkat(directory, name)
    if result == 0 { return true }
    let opened = system_openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
    guard opened >= 0 else { return fail(result) }
    let below = FileDescriptor(owning: opened)
    if depth == Self.maximumDepth { return moveUp(name, from: directory) }
    empty(below.rawValue, depth: depth + 1)
    let removed = system_remove_directory_at(directory, name)
    return removed == 0 ? true : fail(removed)
  }

  /// Under a name that nothing there has.
  private mutating func moveUp(_ name: [CChar], from directory: CInt) -> Bool {
    while true {
      movedCount += 1
      let result = system_rename_new_at(directory, name, top, Array("deep-\(movedCount)".utf8CString))
      if result == 0 { return true }
      if result != -Errno.fileExists.rawValue { return fail(result) }
    }
  }

  private mutating func fail(_ result: CInt) -> Bool {
    failure = failure ?? Errno(rawValue: -result)
    return false
  }

  private mutating func someNames(in directory: CInt) -> [[CChar]] {
    // A descriptor of its own for each listing: it begins at the start, and closing the listing closes it.
    let own = system_openat(directory, ".", O_RDONLY | O_DIRECTORY, 0)
    guard own >= 0, let listing = fdopendir(own) else {
      _ = fail(own < 0 ? own : -Errno.outOfMemory.rawValue)
      if own >= 0 { _ = system_close(own) }
      return []
    }
    defer { closedir(listing) }
    var names: [[CChar]] = []
    while names.count < Self.batchCount, let entry = readdir(listing) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { start in
          Array(UnsafeBufferPointer(start: start, count: strlen(start) + 1))
        }
      }
      if name != [0x2E, 0], name != [0x2E, 0x2E, 0] { names.append(name) }
    }
    return names
  }
}
