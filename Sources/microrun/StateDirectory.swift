import Basics
import CSystem
import ContainerRunner
import Images
import LinuxSystem
import OCIRuntime

/// What microrun remembers of its containers: a directory for each, with its record, its configuration and the FIFOs by which it is
/// started.
struct StateDirectory {
  let root: String

  static let standardRoot = "/run/microrun"
  private static let recordName = "state.json"
  private static let configName = "config.json"

  func path(_ id: String) -> String { root + "/" + id }

  func startFIFOs(_ id: String) -> StartFIFOs {
    StartFIFOs(control: path(id) + "/start.fifo", errors: path(id) + "/errors.fifo")
  }

  func checkName(_ id: String) throws(Failure) {
    guard ContainerRecord.isName(id) else {
      throw Failure(
        "container name \"\(id)\": it must begin with a letter or digit and hold only these and _ + - . (at most 128)")
    }
  }

  /// Makes the directory of a new container, so that nobody else has one of that name.
  func claim(_ id: String) throws(Failure) {
    var result = system_mkdir(path(id), 0o700)
    if result == -Errno.noSuchFile.rawValue {
      try telling { () throws(SystemError) in try Files.makeDirectories(root, mode: 0o711) }
      result = system_mkdir(path(id), 0o700)
    }
    if result == -Errno.fileExists.rawValue { throw Failure("container \(id): it exists already") }
    try telling { () throws(SystemError) in _ = try check(result, "make directory", path(id)) }
  }

  func makeFIFOs(_ id: String) throws(Failure) {
    let fifos = startFIFOs(id)
    for path in [fifos.control, fifos.errors] {
      try telling { () throws(SystemError) in _ = try check(system_mkfifoat(AT_FDCWD, path, 0o600), "make FIFO", path) }
    }
  }

  /// They have led to one start, and will to no other.
  func removeFIFOs(_ id: String) {
    for path in [startFIFOs(id).control, startFIFOs(id).errors] { _ = system_unlink(path) }
  }

  func keep(config: [UInt8], of id: String) throws(Failure) {
    // Nobody looks for it before there is a control group, and that is made afterwards.
    try telling { () throws(SystemError) in try writeNew(path(id) + "/" + Self.configName, config, mode: 0o600) }
  }

  func keep(_ record: ContainerRecord) throws(Failure) {
    try telling { () throws(SystemError) in
      try replace(path(record.id) + "/" + Self.recordName, Array(record.text.utf8), mode: 0o600)
    }
  }

  func record(_ id: String) throws(Failure) -> ContainerRecord {
    guard ContainerRecord.isName(id), Files.isDirectory(path(id)) else {
      throw Failure("container \(id): it does not exist")
    }
    let file = path(id) + "/" + Self.recordName
    guard Files.exists(file) else {
      throw Failure("container \(id): it was never made to its end: microrun delete --force \(id) removes what is left")
    }
    let bytes = try telling { () throws(SystemError) in try Files.read(file) }
    guard let record = ContainerRecord(bytes), record.id == id else {
      throw Failure("\(file): it is no record of \(id)")
    }
    return record
  }

  func config(_ id: String) throws(Failure) -> RuntimeConfig {
    try Self.readConfig(path(id) + "/" + Self.configName).config
  }

  static func readConfig(_ file: String) throws(Failure) -> (config: RuntimeConfig, bytes: [UInt8]) {
    let bytes = try readBytes(file)
    do throws(ConfigError) {
      return (try RuntimeConfig.read(bytes), bytes)
    } catch {
      throw Failure(lines: error.lines)
    }
  }

  /// At most a byte more than a configuration may have.
  static func readBytes(_ file: String) throws(Failure) -> [UInt8] {
    try telling { () throws(SystemError) in
      try Files.read(
        file, limitBytes: RuntimeConfig.limits.inputBytes + 1, expectedBytes: 16 * 1024,
        inOnePiece: true)
    }
  }

  /// All that have a directory, in the order of their names.
  func ids() -> [String] {
    let names = ((try? Files.subdirectories(root)) ?? []).filter { ContainerRecord.isName($0) }
    return names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
  }

  func remove(_ id: String) throws(Failure) {
    for name in [Self.configName, Self.recordName] { _ = system_unlink(path(id) + "/" + name) }
    if system_rmdir(path(id)) == 0 { return }
    try telling { () throws(SystemError) in try FileTree.remove(path(id)) }
  }
}

/// Writes a file so that whoever reads it sees the old one or the new one.
func replace(_ path: String, _ bytes: [UInt8], mode: UInt32) throws(SystemError) {
  let draft = path + ".new"
  do throws(SystemError) {
    try writeNew(draft, bytes, mode: mode)
  } catch {
    guard error.errno == .fileExists else { throw error }
    try Files.remove(draft)
    try writeNew(draft, bytes, mode: mode)
  }
  try Files.rename(draft, to: path)
}

private func writeNew(_ path: String, _ bytes: [UInt8], mode: UInt32) throws(SystemError) {
  let file = try FileDescriptor.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: mode)
  let count = bytes.withUnsafeBytes { system_write(file.rawValue, $0.baseAddress, $0.count) }
  try check(count, "write", path)
  if count < bytes.count { throw SystemError("write", path, .noSpace) }
}
