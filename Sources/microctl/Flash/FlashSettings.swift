import Basics
import Crypto
import LinuxSystem
import MicroAgent

/// The settings that a command line wants on a board, judged as the board would.
struct FlashSettings {
  /// What goes into the file, in its order.
  private(set) var lines: [ConfigurationText.Line] = []
  /// What there is to say about the owner.
  private(set) var ownerNote = ""

  private static let options: [(Option.Name, setting: String)] = [
    (.microcloud, "microcloud"), (.microcloudKey, "microcloud-key"), (.gossipKey, "gossip-key"),
  ]

  init(_ arguments: Arguments) throws(Failure) {
    try addOwner(arguments.value(.owner))
    for (option, setting) in Self.options {
      if let value = arguments.value(option) { try add(setting, value) }
    }
    for text in arguments.values(.set) {
      let bytes = Array(text.utf8)
      guard let equals = bytes.firstIndex(of: UInt8(ascii: "=")) else {
        throw Failure(.usage, "flash: --set \(text): write --set NAME=VALUE")
      }
      try add(ASCII.string(ASCII.trim(bytes[..<equals])), ASCII.string(ASCII.trim(bytes[(equals + 1)...])))
    }
    if let problem = Self.problem(lines) { throw Failure(.usage, "flash: \(problem)") }
  }

  /// What the board would say against these settings.
  static func problem(_ lines: [ConfigurationText.Line]) -> String? {
    do throws(ConfigurationError) {
      _ = try Configuration(parsing: ConfigurationText.putting(lines, into: []))
      return nil
    } catch {
      return error.problem
    }
  }

  private mutating func add(_ name: String, _ value: String) throws(Failure) {
    let line = ConfigurationText.Line(name: name, value: value)
    // One line is to be one line, and no comment.
    let isPlain = !line.text.utf8.contains { $0 == 0x0A || $0 == 0x0D } && line.text.utf8.first != UInt8(ascii: "#")
    guard isPlain else { throw Failure(.usage, "flash: \(name): a setting is one line") }
    if lines.contains(where: { $0.name == name }) { throw Failure(.usage, "flash: \(name) is set twice: keep one") }
    lines.append(line)
  }

  private mutating func addOwner(_ given: String?) throws(Failure) {
    let path = try? OwnFiles.directory() + "/key"
    switch given {
    case "none": ownerNote = "no owner is put in"
    case nil:
      guard let path, Files.exists(path) else {
        ownerNote = "no owner is put in, as you have no key yet: `microctl key` makes one"
        return
      }
      try addOwn(path)
    case "self": try addOwn(path)
    case .some(let key): try add("owner", key)
    }
  }

  private mutating func addOwn(_ path: String?) throws(Failure) {
    try add("owner", Hexadecimal.text(OwnKey.load().publicKey.compressed))
    ownerNote = "the owner is you, by the key in \(path ?? "your home")"
  }
}
