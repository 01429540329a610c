import Basics
import MicroAgent
import Microcloud
import Store

/// The leases' records in the store: one row each, as `Lease` has them. Read once at the start, written from then on.
struct LeaseTable {
  /// What an earlier agent left.
  struct Content {
    var leases: [Lease] = []
    /// A number above every one that was ever confirmed.
    var nextID: UInt64 = 1
  }

  let store: Store

  static let schema = """
    CREATE TABLE lease (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      holder BLOB NOT NULL,
      request BLOB NOT NULL,
      phase INTEGER NOT NULL,
      ending INTEGER,
      generation INTEGER NOT NULL,
      deadline INTEGER NOT NULL,
      remaining INTEGER NOT NULL,
      boot TEXT NOT NULL,
      created INTEGER NOT NULL
    ) STRICT
    """

  /// Who holds what is never changed.
  private static let upsert = """
    INSERT INTO lease VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)
    ON CONFLICT (id) DO UPDATE SET phase=?4, ending=?5, generation=?6, deadline=?7, remaining=?8, boot=?9
    """

  static func read(_ opened: Store.Opened) throws(StoreError) -> Content {
    try opened.read { database throws(StoreError) in
      var content = Content()
      let rows = try database.prepare("SELECT * FROM lease ORDER BY id")
      while try rows.step() { content.leases.append(try lease(rows)) }
      let sequence = try database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'lease'")
      if try sequence.step() { content.nextID = sequence.unsigned(0) + 1 }
      return content
    }
  }

  /// Writes a record; `completion` is called when it is durable, or with what is wrong.
  func save(_ lease: Lease, isUrgent: Bool, completion: @escaping (String?) -> Void) {
    store.write(Transaction(Self.upsert, Self.values(of: lease)), isUrgent: isUrgent) { completion($0?.description) }
  }

  func delete(_ id: UInt64, completion: @escaping (String?) -> Void) {
    store.write(Transaction("DELETE FROM lease WHERE id = ?1", [SQLValue(id)])) { completion($0?.description) }
  }

  /// In the order of the columns.
  private static func values(of lease: Lease) -> [SQLValue] {
    [
      SQLValue(lease.id), SQLValue(lease.holder), SQLValue(lease.request.value.encoded),
      SQLValue(UInt64(lease.phase.rawValue)), SQLValue(lease.end.map { UInt64($0.rawValue) }),
      SQLValue(UInt64(lease.generation)), SQLValue(lease.deadline.nanoseconds), SQLValue(lease.remainingMilliseconds),
      SQLValue(lease.boot), SQLValue(lease.createdSeconds),
    ]
  }

  private static func lease(_ row: Statement) throws(StoreError) -> Lease {
    let id = row.unsigned(0)
    let holder = row.bytes(1)
    guard let request = request(row.bytes(2)), holder.count == Principal.thumbprintBytes,
      let phase = Lease.Phase(rawValue: UInt8(truncatingIfNeeded: row.unsigned(3)))
    else { throw StoreError(.damaged, "read store: the record of lease \(id) makes no sense") }
    var lease = Lease(
      id: id, holder: holder, request: request, generation: UInt32(truncatingIfNeeded: row.unsigned(5)),
      deadline: Instant(nanoseconds: row.unsigned(6)), boot: row.text(8), createdSeconds: row.unsigned(9))
    lease.phase = phase
    if !row.isNull(4) { lease.end = Lease.End(rawValue: UInt8(truncatingIfNeeded: row.unsigned(4))) }
    lease.remainingMilliseconds = row.unsigned(7)
    return lease
  }

  private static func request(_ bytes: [UInt8]) -> LeaseRequest? {
    guard let value = try? CBORDecoder.decode(bytes) else { return nil }
    return try? LeaseRequest(value)
  }
}
