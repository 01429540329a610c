import Basics

// Two members under one name: the others decide whose it is.
extension SerfMembership {
  static let conflictQuery = "_serf_conflict"
  /// How long after one question about our name the next one may be asked. A conflict is seen again and again as long as
  /// it is there, and strangers can make one up.
  static let conflictPauseMilliseconds: UInt64 = 60_000

  /// Another member has spoken up under a name that is known elsewhere.
  mutating func takeConflict(_ name: NodeName, known: SocketAddress, other: SocketAddress, now: Instant) {
    effects.append(.conflict(name, known: known, other: other))
    guard name == self.name, leaving == .no else { return }
    if let conflictAskableAt, now < conflictAskableAt { return }
    conflictAskableAt = now.advanced(milliseconds: Self.conflictPauseMilliseconds)
    _ = open(Self.conflictQuery, payload: name.bytes, purpose: .conflict(ours: 0, others: 0), now: now)
  }

  /// Whether a member that was asked knows our name at our address; nil if it does not know it.
  func isOurAddress(in response: SerfMessage.QueryResponse) -> Bool? {
    do throws(GossipError) {
      guard case .conflictResponse(let record?) = try SerfMessage.decode(response.payload[...]), record.name == name
      else { return nil }
      return record.address == membership.localAlive.address
    } catch {
      return nil
    }
  }

  /// The name is ours if most of those that know it say so. Where nobody is left to say so, we and the other one stand
  /// alone, and both take other names, as two agents of Serf would both end; but where there are others and none was
  /// heard, nothing is decided.
  mutating func settleConflict(ours: Int, others: Int) {
    let isLost = ours + others > 0 ? ours <= others : !membership.hasPeers
    if isLost && leaving == .no { effects.append(.nameLost) }
  }
}
