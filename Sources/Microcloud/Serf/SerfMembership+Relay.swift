import Basics

// Answers to queries that come through other members as well, as packets may be lost.
extension SerfMembership {
  /// The most members that one answer of ours goes through, however many are asked for.
  static let maximumRelays = 8
  /// From which version of memberlist's protocol on a member passes answers on.
  private static let relayVersion: UInt8 = 5

  /// Passes an answer on, to a member only: we are not to be made to send packets to anybody else, nor anything but
  /// answers, which nobody passes on any further.
  mutating func forward(_ relay: SerfMessage.Relay) {
    guard relay.message.first == SerfMessageType.queryResponse.rawValue,
      relay.message.count <= SerfMessage.QueryResponse.customaryMaximumBytes, isMember(at: relay)
    else { return }
    effects.append(.send(MemberlistMessage.user(relay.message).encoded, to: relay.destination))
  }

  /// Agents up to Serf 0.8 do not say who the member is.
  private func isMember(at relay: SerfMessage.Relay) -> Bool {
    let table = membership.table
    if relay.destinationName.isEmpty {
      return table.occupiedSlots.contains { isPresent(Int($0)) && table[Int($0)].address == relay.destination }
    }
    return presentSlot(of: relay.destinationName).map { table[$0].address == relay.destination } ?? false
  }

  /// Sends an answer through as many members as the query asks for, too. Where there are not so many, through none, as
  /// agents do.
  mutating func relay(_ response: [UInt8], to source: SocketAddress, of query: SerfMessage.Query) {
    let count = min(Int(query.relayFactor), Self.maximumRelays)
    guard count > 0, membership.presentCount > count else { return }
    let relay = SerfMessage.Relay(destination: source, destinationName: query.sourceNode, message: response)
    let bytes = SerfMessage.relay(relay).encoded
    guard bytes.count <= SerfMessage.QueryResponse.customaryMaximumBytes else { return }
    let slots = membership.randomSlots(count) {
      $1.state == .alive && $1.versions.memberlist.maximum >= Self.relayVersion && $1.address != source
    }
    for slot in slots {
      effects.append(.send(MemberlistMessage.user(bytes).encoded, to: membership.table[slot].address))
    }
  }
}
