import Basics

/// All members, in slots that they keep for as long as they are known.
///
/// Beside what a member itself takes, it costs its place in the order of names: no hash table holds the names again,
/// nor can names be chosen that fall together in one.
struct MemberTable {
  /// So many slots lie together: none is empty but in the last piece, and whoever looks at the table as it was while
  /// it changes costs a copy of one piece, not of all.
  private static let pieceSlots = 32

  private var pieces: [[MemberEntry?]] = []
  private var freeSlots: [UInt32] = []
  /// The slots in use, in the order of their members' names.
  private var order: [UInt32] = []

  var count: Int { order.count }
  var occupiedSlots: [UInt32] { order }

  subscript(slot: Int) -> MemberEntry {
    get { pieces[slot / Self.pieceSlots][slot % Self.pieceSlots]! }
    set { pieces[slot / Self.pieceSlots][slot % Self.pieceSlots] = newValue }
  }

  func slot(of name: NodeName) -> Int? {
    let position = position(of: name)
    guard position < order.count, self[Int(order[position])].isNamed(name) else { return nil }
    return Int(order[position])
  }

  /// Adds a member whose name is not in the table; its slot.
  mutating func insert(_ entry: MemberEntry) -> Int {
    if freeSlots.isEmpty { addPiece() }
    let slot = Int(freeSlots.removeLast())
    self[slot] = entry
    order.insert(UInt32(slot), at: position(of: entry.name))
    return slot
  }

  private mutating func addPiece() {
    let first = pieces.count * Self.pieceSlots
    pieces.append([MemberEntry?](repeating: nil, count: Self.pieceSlots))
    freeSlots += (first..<first + Self.pieceSlots).reversed().map { UInt32($0) }
  }

  mutating func remove(slot: Int) {
    order.remove(at: position(of: self[slot].name))
    pieces[slot / Self.pieceSlots][slot % Self.pieceSlots] = nil
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
