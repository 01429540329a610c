import Basics

/// Whom an image's programs run as: `USER[:GROUP]` of its configuration, each a name or a number.
///
/// As with docker, a name counts before a number, and without a group it is the one that the user has in `etc/passwd`, or 0.
public struct ImageUser: Equatable, Sendable {
  public let user: UInt32
  public let group: UInt32

  public init(user: UInt32, group: UInt32) {
    self.user = user
    self.group = group
  }

  /// Of `etc/passwd` and `etc/group` of an image so much is read: more than a thousand accounts.
  public static let maximumFileBytes = 64 * 1024

  /// What the text means where nobody has names; nil: it has some, or is none.
  public init?(numbers text: String) {
    self.init(text, accounts: [], groups: [])
  }

  /// What the text means in an image.
  ///
  /// - Parameters:
  ///   - accounts: what is in the image's `etc/passwd`, or nothing.
  ///   - groups: what is in its `etc/group`, or nothing.
  /// - Returns: nil if a name is not there.
  public init?(_ text: String, accounts: [UInt8], groups: [UInt8]) {
    let parts = ASCII.split(Array(text.utf8)[...], at: UInt8(ascii: ":"))
    guard parts.count <= 2 else { return nil }
    let account = Self.find(parts[0], in: accounts)
    guard let user = account?.id ?? Self.number(parts[0]) ?? Self.root(parts[0]) else { return nil }
    self.user = user
    guard parts.count == 2, !parts[1].isEmpty else {
      group = account?.group ?? 0
      return
    }
    guard let group = Self.find(parts[1], in: groups)?.id ?? Self.number(parts[1]) ?? Self.root(parts[1]) else {
      return nil
    }
    self.group = group
  }

  /// The line about a name or, if there is none, about a number: `NAME:PASSWORD:ID:GROUP:…`, where a group's last is no number.
  private static func find(_ wanted: ArraySlice<UInt8>, in file: [UInt8]) -> (id: UInt32, group: UInt32)? {
    var found: (id: UInt32, group: UInt32)?
    for line in ASCII.lines(file[...]) {
      let fields = ASCII.split(line, at: UInt8(ascii: ":"))
      guard fields.count >= 4, !fields[0].isEmpty, let id = number(fields[2]) else { continue }
      let entry = (id: id, group: number(fields[3]) ?? 0)
      if fields[0] == wanted { return entry }
      if found == nil, number(wanted) == id { found = entry }
    }
    return found
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> UInt32? {
    Decimal.parse(digits).flatMap { UInt32(exactly: $0) }
  }

  /// Root is so everywhere.
  private static func root(_ name: ArraySlice<UInt8>) -> UInt32? {
    name.isEmpty || name.elementsEqual("root".utf8) ? 0 : nil
  }
}
