/// A table of a fixed greatest size that knows in which order its entries were last used. Finding, using, adding and
/// removing take the same time however many there are. What goes when it is full, its owner decides: it walks from the
/// entry that was not used for the longest time.
///
/// A place stays the same until its entry is removed.
struct RecencyTable<Key: Hashable, Value> {
  private struct Slot {
    var key: Key
    /// Nil while the slot is free.
    var value: Value?
    var older: Int
    var newer: Int
  }

  /// No slot.
  private static var none: Int { -1 }

  let capacity: Int
  private var places: [Key: Int] = [:]
  private var slots: [Slot] = []
  private var free: [Int] = []
  private var oldestSlot = -1
  private var newestSlot = -1

  init(capacity: Int) {
    self.capacity = capacity
  }

  var count: Int { places.count }
  var isFull: Bool { places.count >= capacity }

  /// Where a key's entry is; nil: there is none. That of the newest is known without hashing: who was heard last is answered.
  func place(of key: Key) -> Int? {
    if newestSlot != Self.none, slots[newestSlot].key == key { return newestSlot }
    return places[key]
  }

  func key(at place: Int) -> Key { slots[place].key }

  /// The entry at a place that `place(of:)`, `insert` or a walk gave.
  subscript(place: Int) -> Value {
    get { slots[place].value! }
    _modify { yield &slots[place].value! }
  }

  /// The entry that was not used for the longest time.
  var oldest: Int? { oldestSlot == Self.none ? nil : oldestSlot }

  /// The one that was used next after it.
  func next(after place: Int) -> Int? {
    let newer = slots[place].newer
    return newer == Self.none ? nil : newer
  }

  /// Makes it the newest.
  mutating func touch(_ place: Int) {
    if place == newestSlot { return }
    unlink(place)
    link(place)
  }

  /// Adds an entry, the newest, under a key that has none. The table is not full.
  mutating func insert(_ value: Value, for key: Key) -> Int {
    precondition(!isFull && places[key] == nil)
    let slot = Slot(key: key, value: value, older: Self.none, newer: Self.none)
    let place = free.popLast() ?? slots.count
    if place == slots.count { slots.append(slot) } else { slots[place] = slot }
    places[key] = place
    link(place)
    return place
  }

  mutating func remove(_ place: Int) {
    unlink(place)
    places[slots[place].key] = nil
    slots[place].value = nil
    free.append(place)
  }

  private mutating func link(_ place: Int) {
    slots[place].older = newestSlot
    slots[place].newer = Self.none
    if newestSlot == Self.none { oldestSlot = place } else { slots[newestSlot].newer = place }
    newestSlot = place
  }

  private mutating func unlink(_ place: Int) {
    let (older, newer) = (slots[place].older, slots[place].newer)
    if older == Self.none { oldestSlot = newer } else { slots[older].newer = newer }
    if newer == Self.none { newestSlot = older } else { slots[newer].older = older }
  }
}
