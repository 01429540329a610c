/// Steps over one item of any size and shape, of which not all bytes need to be there at once.
struct MessagePackSkipper: Equatable {
  /// Arrays and maps inside one another.
  static let maximumDepth = 16

  /// How many items it still steps over, those inside others included.
  private var remainingItems: UInt64
  /// How many items are still to come of each open array and map, the outermost first.
  private var open: [UInt64] = [1]
  /// Bytes of a string or extension that are still to come.
  private var contentBytes: UInt64 = 0

  /// A skipper of an item with at most `maximumItems` items in it, itself included.
  init(maximumItems: UInt64 = .max) {
    remainingItems = maximumItems
  }

  /// Takes what it can from `bytes`; true once the item has ended.
  mutating func advance(through bytes: inout ArraySlice<UInt8>) throws(MessagePackError.Reason) -> Bool {
    while true {
      let skipped = min(contentBytes, UInt64(bytes.count))
      bytes = bytes.dropFirst(Int(skipped))
      contentBytes -= skipped
      if contentBytes > 0 { return false }
      while open.last == 0 { open.removeLast() }
      if open.isEmpty { return true }
      guard let head = try MessagePackHead.take(from: &bytes) else { return false }
      if remainingItems == 0 { throw .tooLong }
      remainingItems -= 1
      open[open.count - 1] -= 1
      try enter(head)
    }
  }

  private mutating func enter(_ head: MessagePackHead) throws(MessagePackError.Reason) {
    switch head {
    case .raw(let count), .extended(let count): contentBytes = count
    case .array(let count): try push(count)
    case .map(let count): try push(2 * count)
    case .null, .bool, .unsigned, .negative, .float: break
    }
  }

  private mutating func push(_ items: UInt64) throws(MessagePackError.Reason) {
    if open.count > Self.maximumDepth { throw .tooDeep }
    open.append(items)
  }
}
