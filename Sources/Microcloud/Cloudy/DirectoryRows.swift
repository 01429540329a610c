/// Something that may be heard of in several places, and listed once.
protocol DirectoryRow: Equatable, Sendable {
  var sources: DirectorySources { get set }
  /// Whether another row is about the same.
  func isSame(as other: Self) -> Bool
  /// Whether it is listed before another one.
  func precedes(_ other: Self) -> Bool
}

extension String {
  /// Whether it is listed before another one: by bytes, the same everywhere.
  func precedes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}

/// The best of many rows, in order, however many are added.
struct DirectoryRows<Row: DirectoryRow>: Sendable {
  private let limit: Int
  private var rows: [Row] = []
  private var hasDropped = false

  init(limit: Int) {
    self.limit = limit
  }

  /// Adds a row, or to one about the same where else it was heard of. Of the two, the one stays whose source counts
  /// most: an open cluster cannot improve upon what a microcloud says.
  mutating func add(_ row: Row) {
    if let index = rows.firstIndex(where: { $0.isSame(as: row) }) {
      let sources = rows[index].sources.union(row.sources)
      if row.sources.rawValue > rows[index].sources.rawValue { rows[index] = row }
      rows[index].sources = sources
      return
    }
    rows.append(row)
    if rows.count == 2 * limit { drop() }
  }

  /// Keeps what is listed first.
  private mutating func drop() {
    hasDropped = hasDropped || rows.count > limit
    rows.sort { $0.precedes($1) }
    rows = Array(rows.prefix(limit))
  }

  /// The best rows, and whether there were more.
  mutating func finish() -> (rows: [Row], isCut: Bool) {
    drop()
    return (rows, hasDropped)
  }
}
