import Basics
import Microcloud

/// What of a node outlives its crashes, as bytes: the last record is what was written last, and may be torn.
struct NodeStore {
  /// What a node finds after a restart.
  enum State: String, CaseIterable {
    /// All that it had stored.
    case intact
    /// The record before the last one.
    case old
    /// A record of which only the beginning was written.
    case torn
    /// Nothing: it was flashed again.
    case none
  }

  private static let keptRecords = 2

  private var records: [[UInt8]] = []
  var nameNumber = 1
  var board = BoardStore()

  mutating func save(_ record: SerfRecord) {
    records = records.suffix(Self.keptRecords - 1) + [record.value.encoded]
  }

  /// What there is of the last record.
  var record: SerfRecord? {
    guard let bytes = records.last, let value = try? CBORDecoder.decode(bytes) else { return nil }
    return SerfRecord(value)
  }

  mutating func spoil(_ state: State) {
    switch state {
    case .intact: break
    case .old:
      records = Array(records.prefix(1))
      board.goBack()
    case .torn: if let last = records.popLast() { records.append(Array(last.prefix(last.count / 2))) }
    case .none:
      var board = board
      board.loseAll()
      self = NodeStore()
      self.board = board
    }
  }
}
