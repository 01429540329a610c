import Basics
import CSystem
import Images
import LinuxSystem

/// Makes a layer's files below a directory, which is this process's root: whatever links a layer has made, they lead nowhere else.
///
/// A directory's time is what its entry says, whatever is made in it later; where no entry says, the time it was made.
struct LayerWriter {
  /// The directory in which the last entry was made: most entries follow their neighbours.
  private struct Parent {
    let path: [UInt8]
    let descriptor: CInt
    let before: system_file_status
  }

  private struct OpenFile {
    let descriptor: CInt
    let entry: TarEntry
  }

  /// What was found under an entry's name, and is gone now; but a directory stays under a directory.
  private enum Found {
    case nothing
    case whiteout
    case directory
  }

  private let root: CInt
  /// Hides what lower layers have in an open directory: only a more powerful process can.
  private let hideLower: (CInt) -> Void
  private let rootOwner: UInt32
  /// Hears of each file when it is written.
  private let examine: (CInt, _ path: [UInt8]) -> Void
  private var parent: Parent?
  private var file: OpenFile?
  /// Attributes that the file system does not hold.
  private(set) var lostAttributes: UInt32 = 0
  /// Directories of which no entry had spoken when something was to be made in them.
  private(set) var unnamedDirectories: UInt32 = 0

  /// Writes below `root`, a directory that is lent; `rootOwner` has what no entry speaks of.
  init(
    root: CInt, rootOwner: UInt32, examine: @escaping (CInt, _ path: [UInt8]) -> Void = { _, _ in },
    hideLower: @escaping (CInt) -> Void
  ) {
    self.root = root
    self.rootOwner = rootOwner
    self.examine = examine
    self.hideLower = hideLower
  }

  /// Does what an entry asks for. The data of a file follow.
  mutating func perform(_ step: LayerStep) throws(SystemError) {
    try finishFile()
    switch step {
    case .make(let entry) where entry.path.isEmpty:
      try leaveParent()
      try describe(root, entry)
    case .make(let entry): try make(entry)
    case .whiteout(let path): try makeWhiteout(path)
    case .opaque(let directory):
      if !isNoDirectory(directory[...]) { hideLower(try enter(directory[...])) }
    case .skip: break
    }
  }

  /// Appends to the file that the last step made; data of another step is nobody's.
  func write(_ bytes: ArraySlice<UInt8>) throws(SystemError) {
    guard let file else { return }
    var rest = bytes
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { system_write(file.descriptor, $0.baseAddress, $0.count) }
      try check(count, "write", text(file.entry.path))
      rest = rest.dropFirst(Int(count))
    }
  }

  /// Ends the last entry.
  mutating func finish() throws(SystemError) {
    try finishFile()
    try leaveParent()
  }

  // MARK: Entries

  private mutating func make(_ entry: TarEntry) throws(SystemError) {
    // The only name of a file that is to be linked must not give way to the link.
    if entry.kind == .hardLink, entry.linkTarget == entry.path { return }
    let (directory, last) = TarPath.split(entry.path)
    let parent = try enter(directory)
    let name = cString(last)
    let found = try clear(name, in: parent, for: entry)
    switch entry.kind {
    case .file:
      let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW
      let descriptor = try check(system_openat(parent, name, flags, 0o600), "create", text(entry.path))
      file = OpenFile(descriptor: descriptor, entry: entry)
      if entry.sizeBytes == 0 { try finishFile() }
    case .directory: try makeDirectory(name, in: parent, entry, found)
    case .hardLink: try link(name, in: parent, entry)
    case .symbolicLink:
      try check(system_symlinkat(cString(entry.linkTarget), parent, name), "link", text(entry.path))
      try describe(name, in: parent, entry)
    case .fifo:
      try check(system_mkfifoat(parent, name, entry.mode & 0o777), "make", text(entry.path))
      try describe(name, in: parent, entry)
    case .characterDevice, .blockDevice: break
    }
  }

  private mutating func makeDirectory(
    _ name: [CChar], in parent: CInt, _ entry: TarEntry, _ found: Found
  ) throws(SystemError) {
    if found != .directory { try check(system_mkdirat(parent, name, 0o700), "make directory", text(entry.path)) }
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
    let directory = FileDescriptor(
      owning: try check(system_openat(parent, name, flags, 0), "open", text(entry.path)))
    if found == .whiteout { hideLower(directory.rawValue) }
    try describe(directory.rawValue, entry)
  }

  /// Another name of a file of this layer. Archives of layers have linked files whole, even if a lower layer has them, too.
  private func link(_ name: [CChar], in parent: CInt, _ entry: TarEntry) throws(SystemError) {
    let action = "link \(text(entry.path)) to"
    let (directory, last) = TarPath.split(entry.linkTarget)
    let target = FileDescriptor(
      owning: try check(open(directory), action, text(entry.linkTarget)))
    var status = system_file_status()
    let targetName = cString(last)
    try check(system_fstatat(target.rawValue, targetName, &status), action, text(entry.linkTarget))
    // A whiteout is nothing that could have a name.
    if isKind(S_IFCHR, status) { throw SystemError(action, text(entry.linkTarget), .noSuchFile) }
    try check(system_linkat(target.rawValue, targetName, parent, name), action, text(entry.linkTarget))
  }

  /// What this layer has made itself is not hidden by its own whiteout: only what a directory of it is merged with.
  private mutating func makeWhiteout(_ path: [UInt8]) throws(SystemError) {
    let (directory, last) = TarPath.split(path)
    if isNoDirectory(directory) { return }
    let parent = try enter(directory)
    let name = cString(last)
    var status = system_file_status()
    if system_fstatat(parent, name, &status) < 0 {
      try check(system_make_whiteout(parent, name), "hide", text(path))
    } else if isKind(S_IFDIR, status) {
      let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
      let own = FileDescriptor(owning: try check(system_openat(parent, name, flags, 0), "open", text(path)))
      hideLower(own.rawValue)
    }
  }

  /// Of two entries of one name the last counts.
  private func clear(_ name: [CChar], in parent: CInt, for entry: TarEntry) throws(SystemError) -> Found {
    var status = system_file_status()
    let result = system_fstatat(parent, name, &status)
    if result == -Errno.noSuchFile.rawValue { return .nothing }
    try check(result, "look at", text(entry.path))
    if isKind(S_IFDIR, status) {
      if entry.kind == .directory { return .directory }
      try FileTree.remove(name, in: parent, text(entry.path))
      return .nothing
    }
    try check(system_unlinkat(parent, name), "replace", text(entry.path))
    return isKind(S_IFCHR, status) ? .whiteout : .nothing
  }

  private mutating func finishFile() throws(SystemError) {
    guard let open = file else { return }
    file = nil
    let descriptor = FileDescriptor(owning: open.descriptor)
    try describe(descriptor.rawValue, open.entry)
    examine(descriptor.rawValue, open.entry.path)
  }

  // MARK: Owners, modes, attributes, times

  /// In this order: a change of the owner takes set-user-ID bits and file capabilities away.
  private mutating func describe(_ descriptor: CInt, _ entry: TarEntry) throws(SystemError) {
    try check(system_fchown(descriptor, entry.user, entry.group), "set the owner of", text(entry.path))
    try check(system_fchmod(descriptor, entry.mode), "set the mode of", text(entry.path))
    for attribute in entry.attributes {
      let result = attribute.value.withUnsafeBytes {
        system_set_attribute(descriptor, cString(attribute.name[...]), $0.baseAddress, $0.count)
      }
      if result == -Errno.notSupported.rawValue {
        lostAttributes += 1
      } else {
        try check(result, "set \(text(attribute.name)) of", text(entry.path))
      }
    }
    let time = entry.modified
    try check(
      system_set_modified(descriptor, time.seconds, time.nanoseconds), "set the time of", text(entry.path))
  }

  /// The same of what cannot be opened.
  private func describe(_ name: [CChar], in parent: CInt, _ entry: TarEntry) throws(SystemError) {
    try check(system_fchownat(parent, name, entry.user, entry.group), "set the owner of", text(entry.path))
    let time = entry.modified
    try check(
      system_set_modified_at(parent, name, time.seconds, time.nanoseconds), "set the time of", text(entry.path))
  }

  // MARK: Directories

  private func open(_ path: ArraySlice<UInt8>) -> CInt {
    system_open_beneath(root, path.isEmpty ? cString([0x2E]) : cString(path), O_RDONLY | O_DIRECTORY)
  }

  /// Whether this layer has something else there already, so that nothing of lower layers can be seen below.
  private func isNoDirectory(_ path: ArraySlice<UInt8>) -> Bool {
    let result = open(path)
    if result >= 0 { _ = system_close(result) }
    return result == -Errno.notDirectory.rawValue
  }

  /// Whether a directory is missing, or perhaps a whiteout in its place.
  private func isToBeMade(_ result: CInt) -> Bool {
    result == -Errno.noSuchFile.rawValue || result == -Errno.notDirectory.rawValue
  }

  /// The directory of this path, made if no entry has made it.
  private mutating func enter(_ path: ArraySlice<UInt8>) throws(SystemError) -> CInt {
    if let parent, parent.path.elementsEqual(path) { return parent.descriptor }
    try leaveParent()
    var descriptor = open(path)
    if isToBeMade(descriptor) {
      try makeDirectories(path)
      descriptor = open(path)
    }
    try check(descriptor, "open", text(path))
    var before = system_file_status()
    try check(system_fstat(descriptor, &before), "look at", text(path))
    parent = Parent(path: Array(path), descriptor: descriptor, before: before)
    return descriptor
  }

  private mutating func leaveParent() throws(SystemError) {
    guard let left = parent else { return }
    parent = nil
    let descriptor = FileDescriptor(owning: left.descriptor)
    try restoreTime(of: descriptor.rawValue, left.before, left.path[...])
  }

  private func restoreTime(
    of directory: CInt, _ before: system_file_status, _ path: ArraySlice<UInt8>
  ) throws(SystemError) {
    try check(
      system_set_modified(directory, before.modified_seconds, before.modified_nanoseconds), "set the time of",
      text(path))
  }

  private mutating func makeDirectories(_ path: ArraySlice<UInt8>) throws(SystemError) {
    let slashes = path.indices.filter { path[$0] == UInt8(ascii: "/") }
    for end in slashes + [path.endIndex] {
      let prefix = path[..<end]
      let found = open(prefix)
      if found >= 0 {
        _ = system_close(found)
      } else if isToBeMade(found) {
        try makeDirectory(prefix)
      } else {
        try check(found, "open", text(prefix))
      }
    }
  }

  /// Makes one that no entry speaks of yet, in one that is there. In place of a whiteout it shows nothing of lower layers.
  private mutating func makeDirectory(_ path: ArraySlice<UInt8>) throws(SystemError) {
    let (above, last) = TarPath.split(Array(path))
    let parent = FileDescriptor(owning: try check(open(above), "open", text(above)))
    var before = system_file_status()
    try check(system_fstat(parent.rawValue, &before), "look at", text(above))
    let name = cString(last)
    var found = system_file_status()
    let isWhiteout = system_fstatat(parent.rawValue, name, &found) == 0 && isKind(S_IFCHR, found)
    if isWhiteout { try check(system_unlinkat(parent.rawValue, name), "replace", text(path)) }
    try check(system_mkdirat(parent.rawValue, name, 0o755), "make directory", text(path))
    unnamedDirectories += 1
    let directory = FileDescriptor(owning: try check(open(path), "open", text(path)))
    if isWhiteout { hideLower(directory.rawValue) }
    try check(system_fchown(directory.rawValue, rootOwner, rootOwner), "set the owner of", text(path))
    try restoreTime(of: parent.rawValue, before, above)
  }
}

private func isKind(_ kind: some BinaryInteger, _ status: system_file_status) -> Bool {
  status.mode & UInt32(S_IFMT) == UInt32(kind)
}

/// A name as C takes it.
private func cString(_ bytes: ArraySlice<UInt8>) -> [CChar] {
  bytes.map { CChar(bitPattern: $0) } + [0]
}

private func cString(_ bytes: [UInt8]) -> [CChar] { cString(bytes[...]) }

private func text(_ bytes: ArraySlice<UInt8>) -> String { ASCII.string(bytes) }

private func text(_ bytes: [UInt8]) -> String { ASCII.string(bytes) }
