/// An item of external authorization data (EAD, RFC 9528 section 3.8): what another protocol sends along.
public struct AuthorizationItem: Equatable, Sendable {
  /// What it is, by IANA's registry. 0 is padding, which is never told to a receiver.
  public let label: UInt16
  /// Whether a receiver that does not know the label must end the exchange.
  public let isCritical: Bool
  public let value: [UInt8]?

  public init(label: UInt16, isCritical: Bool, value: [UInt8]?) {
    self.label = label
    self.isCritical = isCritical
    self.value = value
  }

  /// What every receiver ignores (section 3.8.1): as many bytes as `random` has, and two or three more.
  public static func padding(_ random: [UInt8]) -> AuthorizationItem {
    AuthorizationItem(label: 0, isCritical: false, value: random)
  }

  static func encode(_ items: [AuthorizationItem]) -> [UInt8] {
    items.flatMap { item in
      let label = Int64(item.label)
      return CBORValue.integer(item.isCritical ? -label : label).encoded
        + (item.value.map { CBORValue.bytes($0).encoded } ?? [])
    }
  }

  /// Reads what is left of a message, without the padding. A critical item whose label is not among `known` is an error.
  static func decode(
    _ reader: inout EDHOCReader, known: [UInt16]
  ) throws(EDHOCError) -> (items: [AuthorizationItem], encoded: [UInt8]) {
    let encoded = Array(reader.rest)
    var items: [AuthorizationItem] = []
    var count = 0
    while !reader.rest.isEmpty {
      count += 1
      guard count <= EDHOCLimits.authorizationItems else { throw .tooLarge }
      guard let number = try reader.item().integerValue, let label = UInt16(exactly: number.magnitude) else {
        throw .malformed
      }
      let value = try reader.nextString()
      if label == 0 { continue }
      if number < 0, !known.contains(label) { throw .unknownCriticalItem(label) }
      items.append(AuthorizationItem(label: label, isCritical: number < 0, value: value))
    }
    return (items, encoded)
  }
}
