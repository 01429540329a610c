import Basics

/// What the table holds of a member beside its texts: small, as there may be thousands.
///
/// In an order that leaves no gaps.
struct MemberFields {
  /// When it came, or when it died or left; a suspicion that is refuted changes nothing.
  var changedAt: Instant
  /// What the protocol above keeps of it.
  var serf = SerfMemberState()
  var versions: ProtocolVersions
  var incarnation: UInt32
  var port: UInt16
  // How long each of its texts is.
  var metaBytes: UInt16
  var nameBytes: UInt8
  var addressBytes: UInt8
  /// Whether it has answered a probe that we sent to its address: it is not made up.
  var hasAnswered = false
  var state = PushPullNodeState.alive

  var textBytes: Int { Int(addressBytes) + Int(nameBytes) + Int(metaBytes) }
}

/// A member of the table.
struct MemberEntry {
  private(set) var fields: MemberFields
  /// The address in network order, after it the name, and after that the meta.
  private let text: ArraySlice<UInt8>

  init(_ fields: MemberFields, text: ArraySlice<UInt8>) {
    self.fields = fields
    self.text = text
  }

  init(_ alive: MemberlistMessage.Alive, versions: ProtocolVersions, now: Instant) {
    let address = alive.address.address.networkBytes
    fields = MemberFields(
      changedAt: now, versions: versions, incarnation: alive.incarnation, port: alive.address.port,
      metaBytes: UInt16(alive.meta.count), nameBytes: UInt8(alive.node.bytes.count),
      addressBytes: UInt8(address.count))
    text = (address + alive.node.bytes + alive.meta)[...]
  }

  var incarnation: UInt32 {
    get { fields.incarnation }
    set { fields.incarnation = newValue }
  }
  var state: PushPullNodeState {
    get { fields.state }
    set { fields.state = newValue }
  }
  var changedAt: Instant {
    get { fields.changedAt }
    set { fields.changedAt = newValue }
  }
  var serf: SerfMemberState {
    get { fields.serf }
    set { fields.serf = newValue }
  }

  var hasAnswered: Bool {
    get { fields.hasAnswered }
    set { fields.hasAnswered = newValue }
  }

  var versions: ProtocolVersions { fields.versions }
  var isGone: Bool { state.isGone }
  var texts: ArraySlice<UInt8> { text }
  var meta: ArraySlice<UInt8> { text.suffix(Int(fields.metaBytes)) }
  var name: NodeName { NodeName(nameSlice) }

  private var nameSlice: ArraySlice<UInt8> {
    text.dropFirst(Int(fields.addressBytes)).prefix(Int(fields.nameBytes))
  }

  var address: SocketAddress {
    let address = IPAddress(networkBytes: text.prefix(Int(fields.addressBytes)))
    return SocketAddress(address ?? .anyV4, port: fields.port)
  }

  /// The same member after it has said other things of itself.
  func updated(from alive: MemberlistMessage.Alive, versions: ProtocolVersions) -> MemberEntry {
    var entry = MemberEntry(alive, versions: versions, now: changedAt)
    entry.state = state
    entry.serf = serf
    entry.hasAnswered = hasAnswered && address == alive.address
    return entry
  }

  /// Whether its name comes before another one.
  func precedes(_ other: NodeName) -> Bool { nameSlice.precedes(other) }

  func isNamed(_ other: NodeName) -> Bool { nameSlice.elementsEqual(other.bytes) }

  var node: PushPullNode {
    PushPullNode(
      name: name, address: address, incarnation: incarnation, meta: Array(meta), state: state, versions: versions)
  }
}

extension ArraySlice<UInt8> {
  /// Whether this name comes before another one: shorter names first, which is the quickest to tell.
  func precedes(_ other: NodeName) -> Bool {
    count == other.bytes.count ? lexicographicallyPrecedes(other.bytes) : count < other.bytes.count
  }
}
