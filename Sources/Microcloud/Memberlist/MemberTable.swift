import Basics

/// One member as the table holds it: small, as there may be thousands.
struct MemberEntry {
  /// The name and after it the meta, in one piece of memory.
  private var text: [UInt8]
  private let nameBytes: UInt16
  private var port: UInt16
  private var ip: IPAddress
  var incarnation: UInt32
  private(set) var versions: ProtocolVersions
  var state: PushPullNodeState
  /// When `state` last changed.
  var changedAt: Instant

  init(_ alive: MemberlistMessage.Alive, versions: ProtocolVersions, now: Instant) {
    text = alive.node.bytes + alive.meta
    nameBytes = UInt16(alive.node.bytes.count)
    ip = alive.address.address
    port = alive.address.port
    incarnation = alive.incarnation
    self.versions = versions
    state = .alive
    changedAt = now
  }

  var name: NodeName { NodeName(text.prefix(Int(nameBytes))) }
  var meta: ArraySlice<UInt8> { text.dropFirst(Int(nameBytes)) }
  var address: SocketAddress { SocketAddress(ip, port: port) }
  var isGone: Bool { state == .dead || state == .left }

  /// Takes what the member says of itself in a newer message.
  mutating func update(from alive: MemberlistMessage.Alive, versions: ProtocolVersions) {
    text = alive.node.bytes + alive.meta
    ip = alive.address.address
    port = alive.address.port
    incarnation = alive.incarnation
    self.versions = versions
  }

  /// Whether its name comes before another one: shorter names first, which is the quickest to tell.
  func precedes(_ other: NodeName) -> Bool {
    if Int(nameBytes) != other.bytes.count { return Int(nameBytes) < other.bytes.count }
    for index in 0..<other.bytes.count where text[index] != other.bytes[index] {
      return text[index] < other.bytes[index]
    }
    return false
  }

  func isNamed(_ other: NodeName) -> Bool {
    Int(nameBytes) == other.bytes.count && text.starts(with: other.bytes)
  }

  var node: PushPullNode {
    PushPullNode(
      name: name, address: address, incarnation: incarnation, meta: Array(meta), state: state, versions: versions)
  }
}

/// All members, in slots that they keep for as long as they are known.
///
/// Beside what a member itself takes, it costs its place in the order of names: no hash table holds the names again,
/// nor can names be chosen that fall together in one.
struct MemberTable {
  private var slots: [MemberEntry?] = []
  private var freeSlots: [UInt32] = []
  /// The slots in use, in the order of their members' names.
  private var order: [UInt32] = []

  var count: Int { order.count }
  var occupiedSlots: [UInt32] { order }

  subscript(slot: Int) -> MemberEntry {
    get { slots[slot]! }
    set { slots[slot] = newValue }
  }

  func slot(of name: NodeName) -> Int? {
    let position = position(of: name)
    guard position < order.count, self[Int(order[position])].isNamed(name) else { return nil }
    return Int(order[position])
  }

  /// Adds a member whose name is not in the table; its slot.
  mutating func insert(_ entry: MemberEntry) -> Int {
    let slot = freeSlots.popLast().map { Int($0) } ?? slots.count
    if slot == slots.count { slots.append(entry) } else { slots[slot] = entry }
    order.insert(UInt32(slot), at: position(of: entry.name))
    return slot
  }

  mutating func remove(slot: Int) {
    order.remove(at: position(of: self[slot].name))
    slots[slot] = nil
    freeSlots.append(UInt32(slot))
  }

  /// Where a name stands or belongs in the order.
  private func position(of name: NodeName) -> Int {
    var low = 0
    var high = order.count
    while low < high {
      let middle = (low + high) / 2
      if self[Int(order[middle])].precedes(name) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// The members as a push/pull says them. It does not change with the membership that it comes from.
public struct MemberNodes: RandomAccessCollection {
  private let table: MemberTable

  init(_ table: MemberTable) {
    self.table = table
  }

  public var startIndex: Int { 0 }
  public var endIndex: Int { table.count }
  public subscript(position: Int) -> PushPullNode { table[Int(table.occupiedSlots[position])].node }
}
