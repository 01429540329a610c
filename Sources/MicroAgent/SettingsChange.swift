import Basics
import Microcloud

/// What the owner wants to be set otherwise (iPATCH /settings).
public struct SettingsChange: Equatable, Sendable {
  public struct Wish: Equatable, Sendable {
    public let name: String
    /// Nil: what was given is taken back.
    public let value: String?
  }

  public let wishes: [Wish]
  /// States of the settings of which one must hold (If-Match); none: whatever they are.
  let states: [[UInt8]]

  /// More than there are settings.
  static let maximumWishes = 64

  init(_ content: CBORValue, states: [[UInt8]] = []) throws(RequestError) {
    let reader = try APIMapReader(content)
    try reader.refuseKeys { $0 == .settings }
    let entries = content[.settings]?.mapValue?.entries ?? []
    guard (1...Self.maximumWishes).contains(entries.count) else {
      throw RequestError(.invalid, "settings: give 1 to \(Self.maximumWishes) of them")
    }
    var wishes: [Wish] = []
    for entry in entries {
      let value = entry.value.textValue
      guard let name = entry.key.textValue, value != nil || entry.value == .null else {
        throw RequestError(.invalid, "settings: give texts under texts, or null to take one back")
      }
      wishes.append(Wish(name: name, value: value.map { ASCII.string(ASCII.trim(Array($0.utf8)[...])) }))
    }
    self.wishes = wishes
    self.states = states
  }

  func holds(of etag: [UInt8]) -> Bool {
    states.isEmpty || states.contains { $0.isEmpty || $0 == etag }
  }

  /// For the audit trail: without secrets.
  var deed: String {
    let parts = wishes.map { wish in
      guard let value = wish.value else { return "unset \(wish.name)" }
      return Configuration.secrets.contains(wish.name) ? "set \(wish.name)" : "set \(wish.name) = \(value)"
    }
    return parts.joined(separator: ", ")
  }
}
