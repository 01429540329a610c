import Basics

/// One line of `/proc/self/mountinfo` (proc(5)).
struct Mount: Equatable {
  let id: UInt64
  let parent: UInt64
  /// The directory of the file system that is seen at the mount point.
  let root: String
  let mountPoint: String
  let type: String
  /// The options of the file system itself, as `rw`, `cpu`, `cpuacct`.
  let options: [ArraySlice<UInt8>]

  /// Nil for a line that is not one.
  init?(line: ArraySlice<UInt8>) {
    let words = ASCII.words(line)
    // Between the sixth word and the dash stands any number of optional fields.
    guard let dash = words.indices.dropFirst(6).first(where: { words[$0].elementsEqual("-".utf8) }) else { return nil }
    guard words.count > dash + 3, let id = Decimal.parse(words[0]), let parent = Decimal.parse(words[1]) else {
      return nil
    }
    self.id = id
    self.parent = parent
    root = Self.unescaped(words[3])
    mountPoint = Self.unescaped(words[4])
    type = ASCII.string(words[dash + 1])
    options = ASCII.split(words[dash + 3], at: UInt8(ascii: ","))
  }

  /// The kernel writes blanks, newlines and backslashes in paths as `\` and three octal digits.
  static func unescaped(_ bytes: ArraySlice<UInt8>) -> String {
    var result: [UInt8] = []
    var rest = bytes
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), let value = octal(rest.prefix(3)) else {
        result.append(byte)
        continue
      }
      result.append(value)
      rest = rest.dropFirst(3)
    }
    return ASCII.string(result)
  }

  private static func octal(_ digits: ArraySlice<UInt8>) -> UInt8? {
    guard digits.count == 3 else { return nil }
    var value: UInt16 = 0
    for digit in digits {
      guard digit >= 0x30, digit <= 0x37 else { return nil }
      value = value * 8 + UInt16(digit - 0x30)
    }
    return UInt8(exactly: value)
  }
}

/// The mounts of this process's namespace, and which of them can be seen: one mounted over another hides it.
struct MountTable {
  let mounts: [Mount]

  init(mountInfo: [UInt8]) {
    mounts = ASCII.lines(mountInfo[...]).compactMap { Mount(line: $0) }
  }

  /// The mounts of a file system type that a path leads to.
  func visible(type: String) -> [Mount] {
    mounts.filter { $0.type == type && $0 == seen(at: $0.mountPoint) }
  }

  /// The mount that one gets to by walking `path` from the root, as the kernel does: at each directory on to the mount
  /// that lies on the present one there, until none does.
  private func seen(at path: String) -> Mount? {
    var current: Mount?
    for directory in Self.directories(of: path) {
      // Each step goes to a child, so there are at most as many as mounts; a table that loops is not walked forever.
      for _ in 0...mounts.count {
        guard let next = mounts.first(where: { $0.mountPoint == directory && lies($0, on: current) }) else { break }
        current = next
      }
    }
    return current
  }

  private func lies(_ mount: Mount, on below: Mount?) -> Bool {
    if let below { return mount.parent == below.id && mount.id != below.id }
    return !mounts.contains { $0.id == mount.parent && $0.id != mount.id }
  }

  /// `/a/b` gives `/`, `/a`, `/a/b`.
  static func directories(of path: String) -> [String] {
    let bytes = Array(path.utf8)
    var result = ["/"]
    for index in bytes.indices.dropFirst() where bytes[index] == UInt8(ascii: "/") {
      result.append(ASCII.string(bytes[..<index]))
    }
    if bytes.count > 1 { result.append(path) }
    return result
  }
}
