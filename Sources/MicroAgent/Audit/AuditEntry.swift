import Microcloud

/// One thing that somebody did, or was refused.
public struct AuditEntry: Equatable, Sendable {
  /// Counts all entries of this board, from 1.
  public var number: UInt64
  /// Since 1970, as the board's clock had it.
  public var wallSeconds: UInt64
  public var role: Principal.Role
  /// Of the key; zeros: root on the board, or another user of it.
  public var thumbprint: [UInt8]
  /// As `run web`.
  public var deed: String
  /// Why it was not done; nil: it was.
  public var refusal: String?

  /// - Parameter deed: shown to people as it is, so it is cleaned and cut as strangers' texts are; and so is `refusal`.
  public init(
    number: UInt64, wallSeconds: UInt64, by principal: Principal, deed: String, refusal: String? = nil
  ) {
    self.number = number
    self.wallSeconds = wallSeconds
    role = principal.role
    thumbprint = principal.thumbprint
    self.deed = CloudyText.shown(deed.utf8)
    self.refusal = refusal.map { CloudyText.shown($0.utf8) }
  }

  // MARK: As CBOR, to clients and on the disk

  public var value: CBORValue {
    var map = CBORMap()
    map[.number] = .unsigned(number)
    map[.createdSeconds] = .unsigned(wallSeconds)
    map[.role] = .text(role.description)
    map[.holder] = .bytes(thumbprint)
    map[.deed] = .text(deed)
    if let refusal { map[.refusal] = .text(refusal) }
    return .map(map)
  }

  /// Nil: it is none.
  public init?(_ value: CBORValue) {
    guard let number = value[.number]?.unsignedValue, let seconds = value[.createdSeconds]?.unsignedValue,
      let name = value[.role]?.textValue, let role = Principal.Role.allCases.first(where: { $0.description == name }),
      let thumbprint = value[.holder]?.bytesValue, let deed = value[.deed]?.textValue
    else { return nil }
    let principal = Principal(thumbprint: thumbprint, role: role)
    self.init(number: number, wallSeconds: seconds, by: principal, deed: deed, refusal: value[.refusal]?.textValue)
  }
}
