/// The messages of one peer that are remembered, counted from the one that came first. They lie in a ring: where one goes and the
/// next comes, the others stay where they are.
struct CoAPRememberedMessages {
  /// Of which `count` are in use, from `first` on and around the end.
  private var slots: [CoAPPeer.Remembered] = []
  private var first = 0
  private(set) var count = 0
  private var safeCount = 0

  /// Whether any of them only read: nobody looks for one where all that a peer sends is unsafe, or protected.
  var hasSafe: Bool { safeCount > 0 }

  private func slot(_ index: Int) -> Int {
    let slot = first + index
    return slot < slots.count ? slot : slot - slots.count
  }

  subscript(index: Int) -> CoAPPeer.Remembered {
    // A getter would copy it.
    _read { yield slots[slot(index)] }
    _modify { yield &slots[slot(index)] }
  }

  /// A message of that id which is meant; there is no other one.
  func index(of messageID: UInt16, where isMeant: (CoAPPeer.Remembered) -> Bool) -> Int? {
    // Usually it is the one that came last, or none.
    if count == 0 { return nil }
    let last = slot(count - 1)
    if slots[last].messageID == messageID, isMeant(slots[last]) { return count - 1 }
    for slot in slots.indices where slots[slot].messageID == messageID {
      let index = slot < first ? slot + slots.count - first : slot - first
      if index < count, isMeant(slots[slot]) { return index }
    }
    return nil
  }

  func firstIndex(where isMeant: (CoAPPeer.Remembered) -> Bool) -> Int? {
    for index in 0..<count where isMeant(slots[slot(index)]) { return index }
    return nil
  }

  /// The bytes of all the replies.
  var replyBytes: Int {
    var bytes = 0
    for index in 0..<count { bytes += slots[slot(index)].reply.count }
    return bytes
  }

  mutating func append(_ message: CoAPPeer.Remembered) {
    if count < slots.count {
      slots[slot(count)] = message
    } else if first == 0 {
      slots.append(message)
    } else {
      slots.insert(message, at: first)
      first += 1
    }
    count += 1
    if !message.isUnsafe { safeCount += 1 }
  }

  /// Those that came later move up, unless it is the first.
  mutating func remove(at index: Int) {
    if !self[index].isUnsafe { safeCount -= 1 }
    if index == 0 {
      slots[first].reply = []
      first = slot(1)
    } else {
      for later in index..<count - 1 { self[later] = self[later + 1] }
      self[count - 1].reply = []
    }
    count -= 1
  }
}
