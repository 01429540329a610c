import CSystem
import LinuxSystem

/// What microctl remembers of the person who uses it: files that nobody else reads.
enum OwnFiles {
  private static let maximumBytes = 256 * 1024

  /// Where they are: `microagent` in XDG_CONFIG_HOME, or in ~/.config.
  static func directory() throws(Failure) -> String {
    if let set = environment("XDG_CONFIG_HOME") { return set + "/microagent" }
    if let home = environment("HOME") { return home + "/.config/microagent" }
    throw Failure(.refused, "find your key: neither HOME nor XDG_CONFIG_HOME is set")
  }

  /// A directory in it, which is made where it is not there.
  static func directory(_ name: String) throws(Failure) -> String {
    let path = try directory() + (name.isEmpty ? "" : "/" + name)
    do throws(SystemError) {
      try Files.makeDirectories(path, mode: 0o700)
    } catch {
      throw Failure(.refused, "\(error)")
    }
    return path
  }

  /// The names in a directory of it, in alphabetical order; none where there is no such directory.
  static func names(in name: String) throws(Failure) -> [String] {
    let path = try directory() + "/" + name
    do throws(SystemError) {
      return try Files.exists(path) ? Files.list(path).sorted() : []
    } catch {
      throw Failure(.refused, "\(error)")
    }
  }

  /// What a file holds; nil: there is none.
  static func read(_ path: String) throws(Failure) -> [UInt8]? {
    do throws(SystemError) {
      return try Files.exists(path) ? Files.read(path, limitBytes: maximumBytes) : nil
    } catch {
      throw Failure(.refused, "\(error)")
    }
  }

  /// Makes the file hold this, whole and durably, whatever it held before.
  static func replace(_ path: String, _ bytes: [UInt8]) throws(Failure) {
    do throws(SystemError) {
      try Files.remove(path + ".next")
      try Files.createDurably(path + ".next", bytes, mode: 0o600)
      try Files.rename(path + ".next", to: path)
      try Files.syncDirectory(Files.directory(of: path))
    } catch {
      throw Failure(.refused, "\(error)")
    }
  }

  private static func environment(_ name: String) -> String? {
    guard let value = getenv(name), value.pointee != 0 else { return nil }
    return String(cString: value)
  }
}
