import CSystem
import Crypto
import LinuxSystem
import NodeSecurity

/// The key of the person who uses microctl. It is made where it is first needed, and never leaves that machine.
enum OwnKey {
  /// Where it is, and what else microctl remembers: `microagent` in XDG_CONFIG_HOME, or in ~/.config.
  static func directory() throws(Failure) -> String {
    if let set = environment("XDG_CONFIG_HOME") { return set + "/microagent" }
    if let home = environment("HOME") { return home + "/.config/microagent" }
    throw Failure(.refused, "find your key: neither HOME nor XDG_CONFIG_HOME is set")
  }

  static func load() throws(Failure) -> P256.PrivateKey {
    let directory = try directory()
    do throws(SystemError) {
      try Files.makeDirectories(directory, mode: 0o700)
    } catch {
      throw Failure(.refused, "\(error)")
    }
    do throws(NodeKeyError) {
      return try NodeKeyFile.load(path: directory + "/key")
    } catch {
      throw Failure(.refused, "\(error)")
    }
  }

  private static func environment(_ name: String) -> String? {
    guard let value = getenv(name), value.pointee != 0 else { return nil }
    return String(cString: value)
  }
}
