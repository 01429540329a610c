import Basics
import LinuxSystem
import MicroAgent
import Microcloud
import Store

/// The containers' records in the store: one row each, as `Container` has them. Read once at the start, written from then on.
struct ContainerTable {
  /// What an earlier agent left.
  struct Content {
    var containers: [Container] = []
    /// A number above every id ever given out.
    var nextID: UInt64 = 1
  }

  let store: Store

  /// AUTOINCREMENT keeps the highest id in a table of its own, so that an id is never used twice.
  private static let columns = """
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    request BLOB NOT NULL,
    phase INTEGER NOT NULL,
    wanted INTEGER NOT NULL,
    process INTEGER,
    start_ticks INTEGER,
    boot TEXT,
    starts INTEGER NOT NULL,
    restarts INTEGER NOT NULL,
    end_cause INTEGER,
    end_number INTEGER,
    end_peak INTEGER,
    end_text TEXT,
    end_initiator INTEGER,
    created INTEGER NOT NULL,
    started INTEGER NOT NULL,
    ended INTEGER NOT NULL
    """

  /// Version 2 adds a column, and the highest id goes along. SQLite as it is built for the boards knows no ALTER TABLE.
  static let schema = Schema(migrations: [
    "CREATE TABLE container (" + columns + ") STRICT",
    "CREATE TABLE old AS SELECT * FROM container; UPDATE sqlite_sequence SET name = 'old'; DROP TABLE container;"
      + "CREATE TABLE container (" + columns + ", stop_deadline INTEGER) STRICT;"
      + "INSERT INTO container SELECT *, NULL FROM old; DROP TABLE old;"
      + "DELETE FROM sqlite_sequence WHERE name = 'container'; UPDATE sqlite_sequence SET name = 'container'",
    ItemTable.schema,
    LeaseTable.schema,
    ImageTable.schema,
  ])

  /// Id, name and time of creation never change: an update leaves the index and its page alone.
  private static let upsert = """
    INSERT INTO container VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19)
    ON CONFLICT (id) DO UPDATE SET request=?3, phase=?4, wanted=?5, process=?6, start_ticks=?7, boot=?8, starts=?9, restarts=?10,
      end_cause=?11, end_number=?12, end_peak=?13, end_text=?14, end_initiator=?15, started=?17, ended=?18, stop_deadline=?19
    """

  static func read(_ opened: Store.Opened) throws(StoreError) -> Content {
    try opened.read { database throws(StoreError) in
      var content = Content()
      let rows = try database.prepare("SELECT * FROM container ORDER BY id")
      while try rows.step() { content.containers.append(try container(rows)) }
      let sequence = try database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'container'")
      if try sequence.step() { content.nextID = sequence.unsigned(0) + 1 }
      return content
    }
  }

  /// Writes a record; `completion` is called when it is durable, or with what is wrong.
  ///
  /// - Parameter isUrgent: somebody waits for it; else it causes no sync of its own.
  func save(_ container: Container, isUrgent: Bool = true, completion: @escaping (String?) -> Void) {
    store.write(Transaction(Self.upsert, Self.values(of: container)), isUrgent: isUrgent) {
      completion($0?.description)
    }
  }

  func delete(_ id: UInt64, completion: @escaping (String?) -> Void) {
    store.write(Transaction("DELETE FROM container WHERE id = ?1", [SQLValue(id)])) { completion($0?.description) }
  }

  // MARK: Rows

  /// In the order of the columns.
  private static func values(of container: Container) -> [SQLValue] {
    let end = container.end.map { EndColumns($0.cause) }
    return [
      SQLValue(container.id), SQLValue(container.name), SQLValue(container.request.value.encoded),
      SQLValue(UInt64(container.phase.rawValue)), SQLValue(container.wanted),
      SQLValue(container.process.map { Int64($0.process) }), SQLValue(container.process?.startTicks),
      SQLValue(container.process?.boot), SQLValue(UInt64(container.starts)), SQLValue(UInt64(container.restarts)),
      SQLValue(end?.cause), SQLValue(end?.number), SQLValue(end?.peak), SQLValue(end?.text),
      SQLValue(UInt64((container.end?.demand ?? ContainerEnd.Demand()).number) | UInt64(container.demand.number) << 8),
      SQLValue(container.createdSeconds),
      SQLValue(container.startedSeconds), SQLValue(container.endedSeconds),
      SQLValue(container.stopDeadline?.nanoseconds),
    ]
  }

  private static func container(_ row: Statement) throws(StoreError) -> Container {
    let id = row.unsigned(0)
    let rawPhase = UInt8(truncatingIfNeeded: row.unsigned(3))
    guard let request = request(row.bytes(2)), let phase = Container.Phase(rawValue: rawPhase) else {
      throw StoreError(.damaged, "read store: the record of container \(id) makes no sense")
    }
    var container = Container(id: id, name: row.text(1), request: request, createdSeconds: row.unsigned(15))
    container.phase = phase
    container.wanted = row.unsigned(4) != 0
    if !row.isNull(5) {
      container.process = ProcessIdentity(
        process: Int32(truncatingIfNeeded: row.signed(5)), startTicks: row.unsigned(6), boot: row.text(7))
    }
    container.starts = UInt32(truncatingIfNeeded: row.unsigned(8))
    container.restarts = UInt32(truncatingIfNeeded: row.unsigned(9))
    if !row.isNull(10) {
      let columns = EndColumns(
        cause: row.unsigned(10), number: row.unsigned(11), peak: row.unsigned(12), text: row.text(13))
      container.end = ContainerEnd(
        cause: columns.value, demand: ContainerEnd.Demand(number: UInt8(truncatingIfNeeded: row.unsigned(14))))
    }
    container.demand = ContainerEnd.Demand(number: UInt8(truncatingIfNeeded: row.unsigned(14) >> 8))
    container.startedSeconds = row.unsigned(16)
    container.endedSeconds = row.unsigned(17)
    if !row.isNull(18) { container.stopDeadline = Instant(nanoseconds: row.unsigned(18)) }
    return container
  }

  private static func request(_ bytes: [UInt8]) -> ContainerRequest? {
    guard let value = try? CBORDecoder.decode(bytes) else { return nil }
    return try? ContainerRequest(value)
  }
}

/// How it stands in a row, in a byte: that of the end in the lowest of its column, that of what still is to end in the next,
/// where an agent that knew no askers overlooks it.
extension ContainerEnd.Demand {
  fileprivate var number: UInt8 { initiator.rawValue | asker.rawValue << 4 }

  fileprivate init(number: UInt8) {
    self.init(
      ContainerEnd.Initiator(rawValue: number & 0xF) ?? .none,
      by: ContainerEnd.Asker(rawValue: number >> 4) ?? .unknown)
  }
}

/// How a container's end stands in its row.
private struct EndColumns {
  var cause: UInt64
  var number: UInt64 = 0
  var peak: UInt64 = 0
  var text: String = ""

  init(cause: UInt64, number: UInt64, peak: UInt64, text: String) {
    self.cause = cause
    self.number = number
    self.peak = peak
    self.text = text
  }

  init(_ value: ContainerEnd.Cause) {
    switch value {
    case .exited(let code): self.init(cause: 0, number: UInt64(code), peak: 0, text: "")
    case .killed(let signal): self.init(cause: 1, number: UInt64(signal), peak: 0, text: "")
    case .outOfMemory(let limit, let peak): self.init(cause: 2, number: limit, peak: peak, text: "")
    case .failedToStart(let line): self.init(cause: 3, number: 0, peak: 0, text: line)
    case .unknown(let why): self.init(cause: 4, number: 0, peak: 0, text: why)
    }
  }

  var value: ContainerEnd.Cause {
    switch cause {
    case 0: .exited(code: UInt8(truncatingIfNeeded: number))
    case 1: .killed(signal: UInt8(truncatingIfNeeded: number))
    case 2: .outOfMemory(limitBytes: number, peakBytes: peak)
    case 3: .failedToStart(text)
    default: .unknown(text)
    }
  }
}
