import Basics

/// A record for the store: its three clocks, and the peers as text.
extension SerfRecord {
  public var value: CBORValue {
    .array([
      .unsigned(clocks.member.rawValue), .unsigned(clocks.event.rawValue), .unsigned(clocks.query.rawValue),
      .array(peers.map { .text("\($0)") }),
    ])
  }

  /// Nil if it is none.
  public init?(_ value: CBORValue) {
    guard let fields = value.arrayValue, fields.count == 4, let member = fields[0].unsignedValue,
      let event = fields[1].unsignedValue, let query = fields[2].unsignedValue, let peers = fields[3].arrayValue,
      peers.count <= Self.maximumPeers
    else { return nil }
    self.init(
      clocks: SerfClocks(
        member: LamportTime(rawValue: member), event: LamportTime(rawValue: event), query: LamportTime(rawValue: query)),
      peers: peers.compactMap { $0.textValue.flatMap { SocketAddress($0) } })
  }
}
