import Basics

/// One member as the table holds it: small, as there may be thousands.
struct MemberEntry {
  /// The address in network order, after it the name, and after that the meta, in one piece of memory.
  private var text: [UInt8]
  var incarnation: UInt32
  /// When it came, or when it died or left; a suspicion that is refuted changes nothing.
  var changedAt: Instant
  /// What the protocol above keeps of it.
  var serf = SerfMemberState()
  private(set) var versions: ProtocolVersions
  private let nameBytes: UInt16
  private var port: UInt16
  private var addressBytes: UInt8
  var state: PushPullNodeState

  init(_ alive: MemberlistMessage.Alive, versions: ProtocolVersions, now: Instant) {
    let address = alive.address.address.networkBytes
    text = Self.text(address, alive)
    incarnation = alive.incarnation
    changedAt = now
    self.versions = versions
    nameBytes = UInt16(alive.node.bytes.count)
    port = alive.address.port
    addressBytes = UInt8(address.count)
    state = .alive
  }

  private static func text(_ address: [UInt8], _ alive: MemberlistMessage.Alive) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(address.count + alive.node.bytes.count + alive.meta.count)
    text += address
    text += alive.node.bytes
    text += alive.meta
    return text
  }

  private var nameSlice: ArraySlice<UInt8> { text.dropFirst(Int(addressBytes)).prefix(Int(nameBytes)) }

  var name: NodeName { NodeName(nameSlice) }
  var meta: ArraySlice<UInt8> { text.dropFirst(Int(addressBytes) + Int(nameBytes)) }
  var isGone: Bool { state == .dead || state == .left }

  var address: SocketAddress {
    let address = IPAddress(networkBytes: text.prefix(Int(addressBytes)))
    return SocketAddress(address ?? .anyV4, port: port)
  }

  /// Takes what the member says of itself in a newer message.
  mutating func update(from alive: MemberlistMessage.Alive, versions: ProtocolVersions) {
    let address = alive.address.address.networkBytes
    text = Self.text(address, alive)
    incarnation = alive.incarnation
    self.versions = versions
    port = alive.address.port
    addressBytes = UInt8(address.count)
  }

  /// Whether its name comes before another one.
  func precedes(_ other: NodeName) -> Bool { nameSlice.precedes(other) }

  func isNamed(_ other: NodeName) -> Bool {
    Int(nameBytes) == other.bytes.count && nameSlice.elementsEqual(other.bytes)
  }

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
