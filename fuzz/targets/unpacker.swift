// sources: Sources/Images/Tar Sources/Images/Layers Sources/Images/Manifests/Shown.swift Sources/Unpacker/LayerWriter.swift Sources/LinuxSystem/Errno.swift Sources/LinuxSystem/FileDescriptor.swift Sources/LinuxSystem/FileTree.swift Sources/Basics
// C: Sources/CSystem/files.c Sources/CSystem/files_at.c Sources/CSystem/messages.c Sources/CSystem/processes.c
// writes: below /mnt
// A layer's archive becomes files in a directory, beside which others lie that it must not touch, without the confinement that
// would stand behind the writer on a board. The input is a row of entries: a byte with the kind, one with the owner, and paths
// whose parts are words. Whatever they say: nothing beside the directory changes, no error tells of a way out, the layer has
// no more files and bytes than it may have, no device and no stranger's file, every descriptor is closed, and all of it can
// be removed.

import CSystem
import Glibc

private let limits = LayerLimits(bytes: 20_000, entries: 12)
private let firstID: UInt32 = 100_000

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzUnpacker(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let place = Place.shared
  let archive = Script.archive(of: UnsafeBufferPointer(start: start, count: count))
  place.makeLayer()
  let unpacking = Unpacking.run(archive, into: place.layer)
  precondition(place.outsideNow() == place.outside, "something beside the layer was changed")
  place.checkLayer(unpacking)
  place.removeLayer()
  return 0
}

// MARK: The archive

/// What the bytes of an input ask for, as the tar archive that a stranger would push.
private struct Script {
  private static let words: [[UInt8]] = [
    "a", "b", "c", "d", "..", ".", "", "outside", "secret", "directory", "layer", "mnt", "proc/self/root",
    "proc/self/cwd", ".wh.a", ".wh.b", ".wh.secret", ".wh.outside", ".wh..wh..opq", ".wh..wh.plnk", ".wh.", ".wh...",
    "a/b/c/d/a/b/c/d", "../outside/secret", "/mnt/outside", "/mnt/outside/secret", "../../../../..", "d/a",
    String(repeating: "long", count: 60), "tmp", "deep-1", "\u{FFFD}",
  ].map { Array($0.utf8) }
  private static let mostWords = 9
  private static let attributes = ["user.a", "user.overlay.opaque", "trusted.overlay.opaque", "security.capability"]
  private static let modes: [UInt32] = [0o755, 0o644, 0o7777, 0]

  private var rest: ArraySlice<UInt8>
  private var archive: [UInt8] = []

  static func archive(of input: UnsafeBufferPointer<UInt8>) -> [UInt8] {
    var script = Script(rest: Array(input)[...])
    while script.entry() {}
    return script.archive
  }

  private mutating func entry() -> Bool {
    guard let kind = rest.popFirst(), let owner = rest.popFirst() else { return false }
    let type = kind & 7
    let name = path()
    let link = type == 1 || type == 2 ? path() : []
    // Data, or a claim of more than there can be.
    let data = kind & 0x18 == 8 ? [UInt8](repeating: owner, count: Int(rest.popFirst() ?? 0) * 32) : []
    var records = record("path", name) + (link.isEmpty ? [] : record("linkpath", link))
    if kind & 0x20 != 0 { records += attribute() }
    add(Header(name: name, type: UInt8(ascii: "x"), size: records.count), records)
    var header = Header(name: name, type: UInt8(ascii: "0") + (type == 7 ? 3 : type), size: data.count)
    if kind & 0x18 == 0x10 { header.size = 1 << 30 }
    header.mode = Self.modes[Int(kind >> 6)]
    header.owner = UInt32(owner) * 300
    header.deviceMinor = type == 7 ? 0 : 3
    add(header, data)
    return true
  }

  /// Words up to one whose byte has the highest bit, and no more than some: making and removing directories takes longest.
  private mutating func path() -> [UInt8] {
    var path: [UInt8] = []
    for _ in 0..<Self.mostWords {
      guard let byte = rest.popFirst() else { break }
      path += Self.words[Int(byte) % Self.words.count]
      if byte & 0x80 != 0 { break }
      path.append(TarPath.separator)
    }
    return path
  }

  private mutating func attribute() -> [UInt8] {
    let name = "SCHILY.xattr." + Self.attributes[Int(rest.popFirst() ?? 0) % Self.attributes.count]
    // The last is worth something only in the kernel's form.
    return record(name, [1, 0, 0, 2] + [UInt8](repeating: 0, count: 16))
  }

  /// Of a pax header: its length, which counts its own digits, a keyword and a value.
  private func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
    let body = Array(" \(key)=".utf8) + value + [0x0A]
    var count = body.count + 1
    while "\(count)".utf8.count + body.count != count { count += 1 }
    return Array("\(count)".utf8) + body
  }

  private mutating func add(_ header: Header, _ data: [UInt8]) {
    archive += header.bytes + data
    archive += [UInt8](repeating: 0, count: -data.count & 511)
  }
}

private struct Header {
  let name: [UInt8]
  let type: UInt8
  var size: Int
  var mode: UInt32 = 0
  var owner: UInt32 = 0
  var deviceMinor: UInt32 = 0

  var bytes: [UInt8] {
    var block = [UInt8](repeating: 0, count: 512)
    func put(_ value: some Sequence<UInt8>, at offset: Int) {
      for (index, byte) in value.enumerated() { block[offset + index] = byte }
    }
    func put(_ number: UInt32, at offset: Int, digits: Int = 7) {
      for digit in 0..<digits { block[offset + digit] = 0x30 + UInt8(number >> UInt32(3 * (digits - 1 - digit)) & 7) }
    }
    put(name.prefix(100), at: 0)
    put(mode, at: 100)
    put(owner, at: 108)
    put(owner, at: 116)
    put(UInt32(size), at: 124, digits: 11)
    block[156] = type
    put("ustar\u{0}00".utf8, at: 257)
    put(0, at: 329)
    put(deviceMinor, at: 337)
    put("        ".utf8, at: 148)
    put(block.reduce(0) { $0 + UInt32($1) }, at: 148)
    return block
  }
}

// MARK: The unpacking

/// An unpacking as `ConfinedUnpacker` does it, but here.
private struct Unpacking {
  private var plan = LayerPlan(owners: LayerOwners(firstHostID: firstID), limits: limits)
  private var writer: LayerWriter
  /// The most directories that one entry can have asked for.
  private(set) var deepest = 0
  /// It went on to the archive's end.
  private(set) var isWhole = false

  static func run(_ archive: [UInt8], into layer: CInt) -> Unpacking {
    var unpacking = Unpacking(writer: LayerWriter(root: layer, rootOwner: firstID) { isOfTheLayer($0) })
    var rest = archive[...]
    var reader = TarReader()
    while let event = try? reader.next(&rest) {
      if !unpacking.take(event) { break }
    }
    unpacking.isWhole = unpacking.attempt { writer throws(SystemError) in try writer.finish() } && rest.isEmpty
    // Where the process would end, what is open is to be closed here.
    _ = unpacking.attempt { writer throws(SystemError) in try writer.finish() }
    return unpacking
  }

  private init(writer: LayerWriter) {
    self.writer = writer
  }

  private mutating func take(_ event: TarReader.Event) -> Bool {
    switch event {
    case .data(let bytes): return attempt { writer throws(SystemError) in try writer.write(bytes) }
    case .entry(let entry):
      deepest = max(deepest, ASCII.split(entry.path[...], at: TarPath.separator).count)
      guard let step = try? plan.step(for: entry) else { return false }
      guard attempt({ writer throws(SystemError) in try writer.perform(step) }) else { return false }
      return (try? plan.note(unnamedDirectories: writer.unnamedDirectories, at: entry.path)) != nil
    }
  }

  private mutating func attempt(_ body: (inout LayerWriter) throws(SystemError) -> Void) -> Bool {
    do throws(SystemError) {
      try body(&writer)
      return true
    } catch {
      // The layer's file system has room and may be written: an error that speaks of another one tells of a way out.
      let isDirectoryLinked = error.errno == .notPermitted && error.action.hasPrefix("link")
      let isOdd = [EROFS, EXDEV, EPERM, ENOSPC, EMFILE, EBADF].contains(error.errno.rawValue)
      precondition(!isOdd || isDirectoryLinked, error.description)
      return false
    }
  }

  private static func isOfTheLayer(_ directory: CInt) {
    var path = [CChar](repeating: 0, count: 8192)
    let count = readlink("/proc/self/fd/\(directory)", &path, path.count)
    let isBelow = count >= Place.layerPath.utf8.count && strncmp(path, Place.layerPath, Place.layerPath.utf8.count) == 0
    precondition(isBelow, "another directory's content is hidden")
  }
}

// MARK: The place

/// A directory for layers, and what lies beside it.
private final class Place {
  nonisolated(unsafe) static let shared = Place()
  static let layerPath = "/mnt/layer"
  private static let outsidePaths = [
    "/mnt/outside", "/mnt/outside/secret", "/mnt/outside/directory", "/mnt/outside/link",
  ]

  /// A change of anything there changes this.
  private(set) var outside: [Facts] = []
  private(set) var layer: CInt = -1
  private var firstFreeDescriptor: CInt = -1
  private var count = 0
  /// What is looked at is removed at once, but for every so many-th layer: that is `FileTree`'s, which takes twice as long.
  private static let turns = 8
  private var isLeftToFileTree: Bool { count % Self.turns == 0 }
  private let freeInodes: fsfilcnt_t

  struct Facts: Equatable {
    let inode, links, mode, changedSeconds, changedNanoseconds: Int
  }

  private init() {
    umask(0)
    mkdir("/mnt/outside", 0o755)
    mkdir("/mnt/outside/directory", 0o755)
    symlink("secret", "/mnt/outside/link")
    let secret = open("/mnt/outside/secret", O_WRONLY | O_CREAT, 0o644)
    precondition(secret >= 0, "is this run by fuzz/alone?")
    precondition(Glibc.write(secret, "secret", 6) == 6 && Glibc.close(secret) == 0)
    // The clock of a change may be no finer than that.
    usleep(20_000)
    freeInodes = Self.freeInodes()
    outside = outsideNow()
  }

  func outsideNow() -> [Facts] {
    Self.outsidePaths.map { path in
      var found = stat()
      precondition(lstat(path, &found) == 0, "something beside the layer is gone")
      return Facts(
        inode: Int(found.st_ino), links: Int(found.st_nlink), mode: Int(found.st_mode),
        changedSeconds: found.st_ctim.tv_sec, changedNanoseconds: found.st_ctim.tv_nsec)
    }
  }

  func makeLayer() {
    // The fuzzer itself opens files between two inputs.
    firstFreeDescriptor = Self.freeDescriptor()
    count += 1
    precondition(mkdir(Self.layerPath, 0o755) == 0)
    layer = open(Self.layerPath, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    precondition(layer >= 0 && fchown(layer, firstID, firstID) == 0)
  }

  func removeLayer() {
    Glibc.close(layer)
    do throws(SystemError) {
      if rmdir(Self.layerPath) != 0 { try FileTree.remove(Self.layerPath) }
    } catch {
      preconditionFailure(error.description)
    }
    precondition(Self.freeInodes() == freeInodes, "something is left")
    precondition(Self.freeDescriptor() == firstFreeDescriptor, "something is left open")
  }

  func checkLayer(_ unpacking: Unpacking) {
    var (inodes, bytes): (Set<ino_t>, Int) = ([], 0)
    walk(open(Self.layerPath, O_RDONLY | O_DIRECTORY)) { found in
      if inodes.insert(found.st_ino).inserted, found.st_mode & S_IFMT == S_IFREG { bytes += found.st_size }
      precondition([S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFCHR].contains(found.st_mode & S_IFMT), "a strange file")
      precondition(found.st_rdev == 0, "a device")
      let isOfTheContainer = (firstID..<firstID + LayerOwners.count).contains(found.st_uid)
      precondition(isOfTheContainer || found.st_mode & S_IFMT == S_IFCHR || !unpacking.isWhole, "a stranger's file")
    }
    precondition(inodes.count <= Int(limits.entries) + unpacking.deepest, "more files than it may have")
    precondition(bytes <= limits.bytes, "more bytes than it may have")
  }

  /// As far down as there are descriptors for; below that all is left to `FileTree`.
  private func walk(_ directory: CInt, depth: Int = 0, _ look: (stat) -> Void) {
    guard let listing = fdopendir(directory) else { preconditionFailure("what cannot be looked at") }
    while let entry = readdir(listing) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) } + [0]
      }
      if name == [0x2E, 0] || name == [0x2E, 0x2E, 0] { continue }
      var found = stat()
      precondition(fstatat(directory, name, &found, AT_SYMLINK_NOFOLLOW) == 0, "what cannot be looked at")
      look(found)
      let isDirectory = found.st_mode & S_IFMT == S_IFDIR
      if isDirectory, depth < 200 {
        walk(openat(directory, name, O_RDONLY | O_DIRECTORY), depth: depth + 1, look)
      }
      if !isLeftToFileTree { unlinkat(directory, name, isDirectory ? AT_REMOVEDIR : 0) }
    }
    closedir(listing)
  }

  private static func freeDescriptor() -> CInt {
    let descriptor = dup(0)
    Glibc.close(descriptor)
    return descriptor
  }

  private static func freeInodes() -> fsfilcnt_t {
    var status = statvfs()
    precondition(statvfs("/mnt", &status) == 0)
    return status.f_ffree
  }
}
