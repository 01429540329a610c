import Basics

/// For what share of the last seven days other nodes were alive, as far as we looked.
///
/// Every six minutes those that are alive are counted, and all that were looked for; there is a pair of counters for
/// each day. A day is one of our own looking: while we do not run it does not pass, and while we see nobody nothing is
/// counted, as then it is probably us who are cut off. So no clock is needed but a monotonic one, and 22 bytes a node.
///
/// The whole is its bytes, for the store. Writing them a few times a day is enough.
public struct Availability: Equatable, Sendable {
  public static let slotMilliseconds: UInt64 = 6 * 60_000
  static let slotsPerDay: UInt8 = 240
  static let days = 7
  /// The most nodes that are remembered. Where there are more, those give way that were alive the least: nodes that a
  /// stranger invents displace each other.
  public static let maximumRecords = 2048
  /// The most nodes that are added in a slot; the others have to wait for the next one.
  static let maximumNewRecords = 64

  private static let version: UInt8 = 1
  /// Version, day, slot, and the seed of the keys.
  private static let headBytes = 11
  private static let keyBytes = 8
  private static let recordBytes = keyBytes + 2 * days

  /// Head and records, ordered by key. A record is a key, then day by day how often the node was alive and looked for.
  public private(set) var encoded: [UInt8]
  private var seed: UInt64
  private var slotEndsAt: Instant?
  private var newRecords = 0

  /// Nobody yet. The seed makes it hard for a stranger to find two names with the same key.
  public init(seed: UInt64) {
    self.seed = seed
    encoded = [Self.version, 0, 0] + BigEndian.bytes(seed)
  }

  /// What was encoded before a restart; nil if it is something else.
  public init?(encoded: [UInt8]) {
    guard encoded.count >= Self.headBytes, encoded[0] == Self.version, encoded[1] < UInt8(Self.days),
      encoded[2] < Self.slotsPerDay, (encoded.count - Self.headBytes) % Self.recordBytes == 0
    else { return nil }
    self.encoded = encoded
    seed = BigEndian.number(encoded[3..<Self.headBytes])
    guard count <= Self.maximumRecords else { return nil }
    for record in 0..<count {
      if record > 0, key(record - 1) >= key(record) { return nil }
      for day in 0..<Self.days where alive(record, day) > looked(record, day) || looked(record, day) > Self.slotsPerDay
      {
        return nil
      }
    }
  }

  /// How many nodes are remembered.
  public var count: Int { (encoded.count - Self.headBytes) / Self.recordBytes }

  // MARK: Looking

  /// When to look next; nil: at once.
  public var nextDeadline: Instant? { slotEndsAt }

  /// Whether it is time to look, and to tell with `observe` of each membership whom one sees.
  public mutating func beginSlot(now: Instant) -> Bool {
    if let slotEndsAt, now < slotEndsAt { return false }
    slotEndsAt = now.advanced(milliseconds: Self.slotMilliseconds)
    newRecords = 0
    encoded[2] += 1
    if encoded[2] == Self.slotsPerDay {
      encoded[2] = 0
      encoded[1] = (encoded[1] + 1) % UInt8(Self.days)
      forgetToday()
    }
    return true
  }

  /// Counts the other members of a membership, once in a slot.
  public mutating func observe(_ kind: MembershipKind, _ members: some Sequence<(name: NodeName, isAlive: Bool)>) {
    var isAnyoneThere = false
    for member in members where member.isAlive { isAnyoneThere = true }
    guard isAnyoneThere else { return }
    for member in members { observe(key(of: member.name, in: kind), isAlive: member.isAlive) }
  }

  /// How often a node was alive, and how often it was looked for, in the last seven days.
  public func slots(of name: NodeName, in kind: MembershipKind) -> (alive: Int, looked: Int) {
    let key = key(of: name, in: kind)
    let record = position(of: key)
    guard record < count, self.key(record) == key else { return (0, 0) }
    return (0..<Self.days).reduce((0, 0)) {
      ($0.0 + Int(alive(record, $1)), $0.1 + Int(looked(record, $1)))
    }
  }

  // MARK: Records

  private mutating func observe(_ key: UInt64, isAlive: Bool) {
    var record = position(of: key)
    if record == count || self.key(record) != key {
      // Who has never been there has nothing to lose.
      guard isAlive, newRecords < Self.maximumNewRecords else { return }
      newRecords += 1
      if count == Self.maximumRecords {
        removeLeastAlive()
        record = position(of: key)
      }
      let bytes = BigEndian.bytes(key) + [UInt8](repeating: 0, count: 2 * Self.days)
      encoded.insert(contentsOf: bytes, at: Self.offset(record))
    }
    let place = Self.offset(record) + Self.keyBytes + 2 * Int(encoded[1])
    guard encoded[place + 1] < Self.slotsPerDay else { return }
    encoded[place + 1] += 1
    if isAlive { encoded[place] += 1 }
  }

  /// A new day takes the place of the one seven days ago. Nodes of which nothing is left are forgotten.
  private mutating func forgetToday() {
    var kept = Array(encoded.prefix(Self.headBytes))
    for record in 0..<count {
      let place = Self.offset(record) + Self.keyBytes + 2 * Int(encoded[1])
      encoded[place] = 0
      encoded[place + 1] = 0
      if (0..<Self.days).contains(where: { looked(record, $0) > 0 }) {
        kept += encoded[Self.offset(record)..<Self.offset(record + 1)]
      }
    }
    encoded = kept
  }

  private mutating func removeLeastAlive() {
    var least = (record: 0, alive: Int.max)
    for record in 0..<count {
      var total = 0
      for day in 0..<Self.days { total += Int(alive(record, day)) }
      if total < least.alive { least = (record, total) }
    }
    encoded.removeSubrange(Self.offset(least.record)..<Self.offset(least.record + 1))
  }

  private func alive(_ record: Int, _ day: Int) -> UInt8 { encoded[Self.offset(record) + Self.keyBytes + 2 * day] }
  private func looked(_ record: Int, _ day: Int) -> UInt8 {
    encoded[Self.offset(record) + Self.keyBytes + 2 * day + 1]
  }

  // MARK: Keys

  private func key(_ record: Int) -> UInt64 {
    BigEndian.number(encoded[Self.offset(record)..<Self.offset(record) + Self.keyBytes])
  }

  /// The first record whose key is not below.
  private func position(of key: UInt64) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if self.key(middle) < key { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func key(of name: NodeName, in kind: MembershipKind) -> UInt64 {
    var key = seed
    for byte in [kind.rawValue] + name.bytes {
      var random = SeededRandom(seed: key ^ UInt64(byte))
      key = random.next()
    }
    return key
  }

  private static func offset(_ record: Int) -> Int { headBytes + record * recordBytes }
}
