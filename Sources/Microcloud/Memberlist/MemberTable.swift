import Basics

/// All members, in slots that they keep for as long as they are known.
///
/// Beside what a member itself takes, it costs its place in the order of names: no hash table holds the names again,
/// nor can names be chosen that fall together in one.
struct MemberTable {
  /// The most members that a table can hold.
  static let maximumCount = Int(UInt16.max)

  private var pieces: [MemberPiece] = []
  private var freeSlots: [UInt16] = []
  /// The slots in use, in the order of their members' names.
  private var order: [UInt16] = []
  /// How many have answered a probe of ours.
  private(set) var answeredCount = 0

  var count: Int { order.count }
  var occupiedSlots: [UInt16] { order }

  /// The member in a slot. Setting it leaves its texts as they are: see `replace`.
  subscript(slot: Int) -> MemberEntry {
    get { pieces[slot / MemberPiece.slots].entry(slot % MemberPiece.slots) }
    set {
      answeredCount += (newValue.hasAnswered ? 1 : 0) - (self[slot].hasAnswered ? 1 : 0)
      pieces[slot / MemberPiece.slots].setFields(newValue.fields, at: slot % MemberPiece.slots)
    }
  }

  func slot(of name: NodeName) -> Int? {
    let position = position(of: name)
    guard position < order.count, self[Int(order[position])].isNamed(name) else { return nil }
    return Int(order[position])
  }

  /// Adds a member whose name is not in the table; its slot.
  mutating func insert(_ entry: MemberEntry) -> Int {
    if freeSlots.isEmpty { addPiece() }
    let slot = freeSlots.removeLast()
    let position = position(of: entry.name)
    pieces[Int(slot) / MemberPiece.slots].replace(Int(slot) % MemberPiece.slots, with: entry)
    order.insert(slot, at: position)
    return Int(slot)
  }

  private mutating func addPiece() {
    let first = pieces.count * MemberPiece.slots
    pieces.append(MemberPiece())
    freeSlots = (first..<first + MemberPiece.slots).reversed().map { UInt16($0) }
  }

  /// Puts a member of the same name into a slot, with its texts.
  mutating func replace(_ slot: Int, with entry: MemberEntry) {
    answeredCount += (entry.hasAnswered ? 1 : 0) - (self[slot].hasAnswered ? 1 : 0)
    pieces[slot / MemberPiece.slots].replace(slot % MemberPiece.slots, with: entry)
  }

  mutating func remove(slot: Int) {
    order.remove(at: position(of: self[slot].name))
    if self[slot].hasAnswered { answeredCount -= 1 }
    pieces[slot / MemberPiece.slots].replace(slot % MemberPiece.slots, with: nil)
    freeSlots.append(UInt16(slot))
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

/// Some slots of the table, with the texts of all members in them one after another: a piece of memory of its own for
/// each would cost a fifth more. Whoever looks at the table as it was, while it changes, costs a copy of one piece.
private struct MemberPiece {
  static let slots = 32

  private var fields = [MemberFields?](repeating: nil, count: slots)
  private var text: [UInt8] = []

  func entry(_ index: Int) -> MemberEntry {
    let fields = fields[index]!
    return MemberEntry(fields, text: text[textStart(index)...].prefix(fields.textBytes))
  }

  mutating func setFields(_ new: MemberFields, at index: Int) {
    fields[index] = new
  }

  /// The new text has exactly the room that it takes.
  mutating func replace(_ index: Int, with entry: MemberEntry?) {
    let start = textStart(index)
    let end = start + (fields[index]?.textBytes ?? 0)
    var replaced: [UInt8] = []
    replaced.reserveCapacity(text.count - (end - start) + (entry?.fields.textBytes ?? 0))
    replaced += text[..<start]
    if let entry { replaced += entry.texts }
    replaced += text[end...]
    text = replaced
    fields[index] = entry?.fields
  }

  private func textStart(_ index: Int) -> Int {
    var start = 0
    for earlier in 0..<index { start += fields[earlier]?.textBytes ?? 0 }
    return start
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
