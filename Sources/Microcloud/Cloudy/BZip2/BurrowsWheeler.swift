/// Sorts all rotations of a text, so that bytes that stand before the same bytes stand together.
enum BurrowsWheeler {
  /// The last bytes of the sorted rotations, and which rotation is the text itself.
  static func transform(_ text: [UInt8]) -> (lastColumn: [UInt8], origin: Int) {
    let order = sortedRotations(of: text)
    var lastColumn: [UInt8] = []
    lastColumn.reserveCapacity(text.count)
    var origin = 0
    for (place, start) in order.enumerated() {
      if start == 0 { origin = place }
      lastColumn.append(text[start == 0 ? text.count - 1 : Int(start) - 1])
    }
    return (lastColumn, origin)
  }

  /// By prefix doubling: from the order by the first bytes of each rotation follows the order by twice as many. A text
  /// that repeats itself costs no more than another one, and the whole takes six bytes for each byte of the text.
  private static func sortedRotations(of text: [UInt8]) -> [UInt16] {
    let count = text.count
    precondition(count <= 1 << 15)
    var order = (0..<UInt16(count)).map { $0 }
    var ranks = text.map { UInt16($0) }
    var newRanks = ranks
    var sorted = 1
    var isSorted = false
    while !isSorted {
      func key(_ start: UInt16) -> UInt32 {
        let second = Int(start) + sorted
        return UInt32(ranks[Int(start)]) << 16 | UInt32(ranks[second < count ? second : second - count])
      }
      order.sort { key($0) < key($1) }
      var rank: UInt16 = 0
      for place in order.indices {
        if place > 0, key(order[place - 1]) != key(order[place]) { rank += 1 }
        newRanks[Int(order[place])] = rank
      }
      swap(&ranks, &newRanks)
      sorted *= 2
      // Rotations that are equal all over may stand in any order.
      isSorted = Int(rank) == count - 1 || sorted >= count
    }
    return order
  }
}
