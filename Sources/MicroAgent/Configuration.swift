import Basics

/// The settings of an agent: one small text file, every line of it optional (docs/CONFIGURATION.md).
public struct Configuration: Equatable, Sendable {
  /// Where the store and what containers write is kept.
  public var stateDirectory = "/var/lib/microagent"
  /// Where the control socket stands.
  public var runtimeDirectory = "/run/microagent"
  /// The name of the control group above all containers.
  public var cgroup = "microagent"
  /// The first of the 65536 user and group ids of the board that containers' users are mapped to.
  public var firstUserID: UInt64 = 100_000
  /// What the containers together leave to the rest of the board; nil: what is usual (`containersMemory`).
  public var memoryReserveBytes: UInt64?
  /// The node as others see it.
  public var node = NodeSettings()
  /// What it gives to them.
  public var offer = OfferSettings()
  /// The network of containers that are on the board's bridge.
  public var bridge = BridgeSettings()
  /// The system below the agent, where that is the agent's, too.
  public var board = BoardSettings()

  /// What the file says, line by line, as it says it.
  public internal(set) var lines: [Setting] = []

  public init() {}

  /// Settings that nobody is told.
  public static let secrets = ["gossip-key"]

  public static let maximumFileBytes = 64 * 1024
  /// Of a line with a setting, which is told whole where it is wrong. Comments may be longer.
  public static let maximumLineBytes = 1024
  /// How many ids a container has: 0 to 65535.
  public static let idCount = UInt64(ContainerRequest.mappedIDs)

  /// unix(7).
  public static let maximumSocketPathBytes = 107
  private static let socketName = "/control.sock"

  /// What kernel, agent and the system's programs need where nothing is said, but no more than a third of a small board.
  private static let usualReserveBytes: UInt64 = 24 << 20
  private static let usualReservePart: UInt64 = 3
  /// A control group's limit is a page at least. So little holds no container; the board is a member all the same.
  private static let leastContainersMemory: UInt64 = 4096

  /// What containers may have together on a board with so much memory, in bytes.
  public func containersMemory(of totalBytes: UInt64) -> UInt64 {
    let reserve = memoryReserveBytes ?? min(Self.usualReserveBytes, totalBytes / Self.usualReservePart)
    return max(totalBytes - min(reserve, totalBytes), Self.leastContainersMemory)
  }

  public var controlSocket: String { runtimeDirectory + Self.socketName }
  public var storePath: String { stateDirectory + "/microagent.db" }
  public var containersDirectory: String { stateDirectory + "/containers" }
  public var imagesDirectory: String { stateDirectory + "/images" }

  /// Reads a file's text: lines `name = value`, blank lines, and comments that begin with `#`.
  public init(parsing text: [UInt8]) throws(ConfigurationError) {
    let found = Self.tolerating(text)
    if let problem = found.problems.first { throw problem }
    self = found.settings
  }

  /// Reads a file's text as far as it can be read: where a line is wrong, its setting keeps its default.
  public static func tolerating(_ text: [UInt8]) -> (settings: Configuration, problems: ConfigurationProblems) {
    var problems = ConfigurationProblems()
    if text.count > maximumFileBytes {
      problems.add(ConfigurationError(line: 1, "the file has more than \(maximumFileBytes) bytes: shorten it"))
      return (Configuration(), problems)
    }
    var lines = lines(of: text, &problems)
    while true {
      let settings = Configuration(&lines, &problems)
      guard let conflict = settings.node.problem ?? settings.board.problem else { return (settings, problems) }
      // One of its settings stands in the file, for the defaults go together.
      let culprit = conflict.settings.compactMap { name in lines.firstIndex { $0.setting.name == name } }.first
      guard let culprit else { return (settings, problems) }
      problems.add(ConfigurationError(line: lines.remove(at: culprit).number, conflict.problem))
    }
  }

  /// The settings of these lines; those that are wrong are removed.
  private init(_ lines: inout [Line], _ problems: inout ConfigurationProblems) {
    lines.removeAll { line in
      if let problem = set(line.setting) {
        problems.add(ConfigurationError(line: line.number, problem))
        return true
      }
      self.lines.append(line.setting)
      return false
    }
  }

  private struct Line {
    let number: Int
    let setting: Setting
  }

  private static func lines(of text: [UInt8], _ problems: inout ConfigurationProblems) -> [Line] {
    var lines: [Line] = []
    var number = 0
    // Editors of other systems put a byte order mark first.
    var rest = text.starts(with: [0xEF, 0xBB, 0xBF]) ? text[3...] : text[...]
    while !rest.isEmpty {
      number += 1
      let line = rest.prefix { $0 != ASCII.newline }
      rest = rest.dropFirst(line.count + 1)
      let trimmed = ASCII.trim(line)
      if trimmed.isEmpty || trimmed.first == UInt8(ascii: "#") { continue }
      if let problem = textProblem(trimmed) {
        problems.add(ConfigurationError(line: number, problem))
      } else if let equals = trimmed.firstIndex(of: UInt8(ascii: "=")) {
        let setting = Setting(
          name: ASCII.string(ASCII.trim(trimmed[..<equals])), value: ASCII.string(ASCII.trim(trimmed[(equals + 1)...])))
        if lines.contains(where: { $0.setting.name == setting.name }) {
          problems.add(ConfigurationError(line: number, "\(setting.name) is set twice: keep one"))
        } else {
          lines.append(Line(number: number, setting: setting))
        }
      } else {
        // It is not told what stands there: part of a key, perhaps.
        problems.add(ConfigurationError(line: number, "this is not a setting: write name = value"))
      }
    }
    return lines
  }

  /// What keeps a line from being told to a person as it is, and a path from being what the file says.
  static func textProblem(_ line: ArraySlice<UInt8>) -> String? {
    if line.count > maximumLineBytes { return "the line has more than \(maximumLineBytes) bytes: shorten it" }
    var previous: UInt8 = 0
    for byte in line {
      // U+0080 to U+009F are control characters, too: 0xC2 and a byte of that range.
      if byte < 0x20 && byte != UInt8(ascii: "\t") || byte == 0x7F || previous == 0xC2 && byte < 0xA0 {
        return "the line holds a control character: remove it"
      }
      previous = byte
    }
    return String(validating: line, as: UTF8.self) == nil ? "the line is not UTF-8: save the file as such" : nil
  }

  /// Takes one setting; returns what is wrong with it, and what would be right: then it keeps its default.
  mutating func set(_ setting: Setting) -> String? {
    switch setting.name {
    case "state-directory": return setPath(&stateDirectory, setting)
    case "runtime-directory":
      guard setting.value.utf8.count + Self.socketName.utf8.count <= Self.maximumSocketPathBytes else {
        let most = Self.maximumSocketPathBytes - Self.socketName.utf8.count
        return setting.wrong("give a path of at most \(most) bytes, for a socket's path may have 107")
      }
      return setPath(&runtimeDirectory, setting)
    case "cgroup":
      guard ContainerRequest.isName(setting.value) else { return setting.wrong("give one name, as microagent") }
      cgroup = setting.value
    case "first-user-id":
      guard let number = Decimal.parse(setting.value), number >= 1, number <= UInt64(UInt32.max) - Self.idCount else {
        return setting.wrong("give the first of 65536 free ids, as 100000")
      }
      firstUserID = number
    case "memory-reserve":
      guard let bytes = ByteCount.parse(setting.value) else { return setting.wrong("give an amount, as 24M") }
      memoryReserveBytes = bytes
    default:
      if OfferSettings.has(setting.name) { return offer.set(setting) }
      if BridgeSettings.has(setting.name) { return bridge.set(setting) }
      return BoardSettings.has(setting.name) ? board.set(setting) : node.set(setting)
    }
    return nil
  }

  private func setPath(_ path: inout String, _ setting: Setting) -> String? {
    // overlayfs takes a backslash for its own.
    guard ContainerRequest.isPlainPath(setting.value), !ContainerRequest.isTop(setting.value),
      !setting.value.utf8.contains(UInt8(ascii: "\\"))
    else { return setting.wrong("give an absolute path, as \(path)") }
    path = setting.value
    return nil
  }
}
