import Microcloud

extension Offer {
  /// The answer to GET /offer.
  ///
  /// - Parameters:
  ///   - ledger: what is promised of it.
  ///   - isDraining: no leases are given now.
  public func value(_ ledger: Ledger, isDraining: Bool) -> CBORValue {
    var map = CBORMap()
    map[.offered] = amount.value
    map[.leased] = ledger.leased.value
    map[.left] = ledger.leasable.value
    map[.instructionSet] = .text(abilities.instructionSet)
    map[.cgroupVersion] = .text(abilities.cgroupVersion)
    map[.abilities] = .array(abilities.names.map { .text($0) })
    map[.leaseTo] = .text(policy.lessees.description)
    map[.longestSeconds] = .unsigned(policy.longestSeconds)
    map[.mostHeld] = amount.percent(policy.sharePercent).value
    map[.isDraining] = .bool(isDraining)
    if !zone.isEmpty { map[.zone] = .text(zone) }
    if guifiNode != 0 { map[.guifiNode] = .unsigned(guifiNode) }
    if !contact.isEmpty { map[.contact] = .text(contact) }
    return .map(map)
  }

  /// What the ledger goes by.
  ///
  /// - Parameter board: what containers may have at all.
  public func limits(of board: Resources) -> Ledger.Limits {
    Ledger.Limits(board: board, offer: amount, sharePercent: policy.sharePercent)
  }
}
