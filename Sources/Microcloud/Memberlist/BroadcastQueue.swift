/// What a broadcast is about. Those that come first here go first into a packet, and are dropped last when the queue is
/// full.
public enum BroadcastKind: UInt8, Comparable, Sendable {
  /// That we are there, or leave.
  case ourselves
  /// Memberlist's own about others: alive, suspect, dead.
  case member
  /// Serf's joins and leaves.
  case intent
  case query
  case event

  public static func < (left: BroadcastKind, right: BroadcastKind) -> Bool {
    left.rawValue < right.rawValue
  }
}

/// Messages that are to reach everybody: each is sent a limited number of times, to members at random.
struct BroadcastQueue {
  private struct Entry {
    let kind: BroadcastKind
    /// A newer message of the same kind and key takes the place of an older one; none if empty.
    let key: [UInt8]
    let message: [UInt8]
    var transmissions = 0
    /// Higher is newer.
    let number: UInt32

    /// Whether it is sent before another one: the less often sent, then the longer, then the newer.
    func precedes(_ other: Entry) -> Bool {
      if kind != other.kind { return kind < other.kind }
      if transmissions != other.transmissions { return transmissions < other.transmissions }
      if message.count != other.message.count { return message.count > other.message.count }
      return number > other.number
    }
  }

  private let maximumCount: Int
  private let maximumBytes: Int
  /// In the order of sending.
  private var entries: [Entry] = []
  private var bytes = 0
  private var number: UInt32 = 0

  init(maximumCount: Int, maximumBytes: Int) {
    self.maximumCount = maximumCount
    self.maximumBytes = maximumBytes
  }

  var isEmpty: Bool { entries.isEmpty }
  var count: Int { entries.count }

  func contains(_ kind: BroadcastKind, key: [UInt8]) -> Bool {
    entries.contains { $0.kind == kind && $0.key == key }
  }

  /// Adds a message. Where there are too many, the last ones in the order of sending go, which may be this one.
  mutating func add(_ message: [UInt8], kind: BroadcastKind, key: [UInt8]) {
    if !key.isEmpty, let index = entries.firstIndex(where: { $0.kind == kind && $0.key == key }) { remove(at: index) }
    number &+= 1
    insert(Entry(kind: kind, key: key, message: message, number: number))
    while entries.count > maximumCount || bytes > maximumBytes { remove(at: entries.count - 1) }
  }

  /// Puts as much into a packet as fits. What has been sent `limit` times leaves the queue.
  mutating func fill(_ packet: inout PacketBuilder, limit: Int) {
    var sent: [Entry] = []
    var index = 0
    while index < entries.count, packet.remainingBytes > 0 {
      if packet.add(entries[index].message) {
        sent.append(remove(at: index))
      } else {
        index += 1
      }
    }
    for var entry in sent {
      entry.transmissions += 1
      if entry.transmissions < limit { insert(entry) }
    }
  }

  private mutating func insert(_ entry: Entry) {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].precedes(entry) { low = middle + 1 } else { high = middle }
    }
    entries.insert(entry, at: low)
    bytes += entry.message.count
  }

  @discardableResult
  private mutating func remove(at index: Int) -> Entry {
    bytes -= entries[index].message.count
    // With its memory: there may have been many.
    defer { if entries.isEmpty { entries = [] } }
    return entries.remove(at: index)
  }
}
