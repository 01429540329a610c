import Basics
import Microcloud

/// Settings that the owner gave over the network. Each counts instead of the file's line of that name until it is taken back, or
/// until that line is another one: who has the board in hand has the last word. The file stays as it is.
public struct GivenSettings: Equatable, Sendable {
  fileprivate struct Given: Equatable {
    let setting: Setting
    /// What the file said when it was given; nil: nothing.
    let instead: String?
  }

  /// What the file says now.
  private let file: [Setting]
  /// What the agent goes by since its start.
  private var inUse: [Setting]
  private var given: [Given] = []
  /// How many changes there were, so that a secret's change is one, too.
  private var changes: UInt64 = 0

  /// - Parameters:
  ///   - file: the configuration as its file has it.
  ///   - kept: what `kept` was after the last change; nil: there was none.
  public init(over file: Configuration, kept: [UInt8]?) {
    self.file = file.lines
    inUse = file.lines
    guard let fields = kept.flatMap({ try? CBORDecoder.decode($0).arrayValue }), fields.count == 2 else { return }
    changes = fields[0].unsignedValue ?? 0
    let before = (fields[1].arrayValue ?? []).compactMap { Given($0) }
    given = before.filter { $0.instead == Self.value($0.setting.name, file.lines) }
  }

  /// For the store.
  public var kept: [UInt8] {
    CBORValue.array([.unsigned(changes), .array(given.map { $0.value })]).encoded
  }

  // MARK: What counts

  /// Called once at the start: what the agent has to go by.
  ///
  /// - Throws: what does not fit together any more, as the file has changed.
  public mutating func start() throws(RequestError) -> Configuration {
    let configuration = try Configuration(lines: wanted)
    inUse = wanted
    return configuration
  }

  /// The file's lines, and what counts instead of them and beside them.
  private var wanted: [Setting] {
    file.filter { line in !given.contains { $0.setting.name == line.name } } + given.map { $0.setting }
  }

  private static func value(_ name: String, _ lines: [Setting]) -> String? {
    lines.first { $0.name == name }?.value
  }

  /// Settings that the agent goes by from its next start on.
  public var pending: [String] {
    let wanted = wanted
    let taken = inUse.filter { line in !wanted.contains { $0.name == line.name } }
    return (wanted + taken).map { $0.name }.filter { name in
      SettingReach(name) != .atOnce && Self.value(name, wanted) != Self.value(name, inUse)
    }
  }

  // MARK: Changes

  /// Gives settings and takes some back: all that is asked for, or nothing.
  ///
  /// - Returns: the configuration as it is to be now; of it the agent takes at once what it can.
  public mutating func change(_ change: SettingsChange) throws(RequestError) -> Configuration {
    if !change.holds(of: etag) {
      throw RequestError(.changed, "settings: somebody has changed them meanwhile: look at them again")
    }
    var new = self
    for wish in change.wishes { try new.take(wish) }
    let configuration = try Configuration(lines: new.wanted)
    new.changes &+= 1
    self = new
    return configuration
  }

  private mutating func take(_ wish: SettingsChange.Wish) throws(RequestError) {
    let name = wish.name
    if case .never(let reason) = SettingReach(name) { throw RequestError(.forbidden, "\(name): \(reason)") }
    let index = given.firstIndex { $0.setting.name == name }
    guard let value = wish.value else {
      guard let index else {
        throw RequestError(.notFound, "\(name): it was not given over the network: its file says it, or nobody does")
      }
      given.remove(at: index)
      return
    }
    let new = Given(setting: Setting(name: name, value: value), instead: Self.value(name, file))
    if let index { given[index] = new } else { given.append(new) }
  }

  // MARK: What is told

  /// All that counts, now or from the next start on, but for secrets.
  public var value: CBORValue {
    var told = CBORMap()
    for line in wanted where !Configuration.secrets.contains(line.name) { told[text: line.name] = .text(line.value) }
    var map = CBORMap()
    map[.settings] = .map(told)
    map[.given] = .array(given.map { .text($0.setting.name) })
    map[.pending] = .array(pending.map { .text($0) })
    map[.changes] = .unsigned(changes)
    return .map(map)
  }

  /// Which state `value` is of.
  public var etag: [UInt8] { CoAPETag.of(value.encoded) }
}

extension GivenSettings.Given {
  fileprivate var value: CBORValue {
    .array([.text(setting.name), .text(setting.value), instead.map { .text($0) } ?? .null])
  }

  fileprivate init?(_ value: CBORValue) {
    guard let fields = value.arrayValue, fields.count == 3, let name = fields[0].textValue,
      let text = fields[1].textValue
    else { return nil }
    self.init(setting: Setting(name: name, value: text), instead: fields[2].textValue)
  }
}

extension Configuration {
  /// As a file of these lines would be read.
  init(lines: [Setting]) throws(RequestError) {
    self.init()
    for line in lines {
      let text = Array("\(line.name) = \(line.value)".utf8)
      if let problem = Self.textProblem(text[...]) ?? set(line) { throw RequestError(.invalid, problem) }
    }
    if let conflict = node.problem ?? board.problem { throw RequestError(.invalid, conflict.problem) }
    self.lines = lines
  }
}
