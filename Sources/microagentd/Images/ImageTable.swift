import MicroAgent
import Store

/// The images' records in the store: one row each. Read once at the start, written from then on.
struct ImageTable {
  let store: Store

  static let schema = """
    CREATE TABLE image (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      name TEXT NOT NULL,
      manifest BLOB NOT NULL,
      holder BLOB NOT NULL,
      content BLOB NOT NULL,
      used INTEGER NOT NULL,
      created INTEGER NOT NULL
    ) STRICT
    """

  static func read(_ opened: Store.Opened) throws(StoreError) -> ImageInventory {
    try opened.read { database throws(StoreError) in
      var images: [ImageRecord] = []
      let rows = try database.prepare("SELECT * FROM image ORDER BY id")
      while try rows.step() { images.append(try image(rows)) }
      let sequence = try database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'image'")
      return ImageInventory(images, nextID: try sequence.step() ? sequence.unsigned(0) + 1 : 1)
    }
  }

  /// Writes a new image, which takes its name from the one that had it; `completion` is called when that is durable, or with
  /// what is wrong.
  func add(_ image: ImageRecord, completion: @escaping (String?) -> Void) {
    var transaction = Transaction("UPDATE image SET name = '' WHERE name = ?1", [SQLValue(image.name)])
    transaction.run(
      "INSERT INTO image VALUES (?1,?2,?3,?4,?5,?6,?7)",
      [
        SQLValue(image.id), SQLValue(image.name), SQLValue(image.manifest), SQLValue(image.holder),
        SQLValue(image.content), SQLValue(image.used), SQLValue(image.createdSeconds),
      ])
    store.write(transaction) { completion($0?.description) }
  }

  /// A use is no news that anybody waits for.
  func noteUse(of image: ImageRecord) {
    let values = [SQLValue(image.id), SQLValue(image.used)]
    store.write(Transaction("UPDATE image SET used = ?2 WHERE id = ?1", values), isUrgent: false) { _ in }
  }

  func delete(_ id: UInt64, completion: @escaping (String?) -> Void) {
    store.write(Transaction("DELETE FROM image WHERE id = ?1", [SQLValue(id)])) { completion($0?.description) }
  }

  private static func image(_ row: Statement) throws(StoreError) -> ImageRecord {
    let id = row.unsigned(0)
    guard let (layers, defaults, firstHostID) = ImageRecord.content(row.bytes(4)) else {
      throw StoreError(.damaged, "read store: the record of image \(id) makes no sense")
    }
    return ImageRecord(
      id: id, name: row.text(1), manifest: row.bytes(2), holder: row.bytes(3), layers: layers, defaults: defaults,
      firstHostID: firstHostID, used: row.unsigned(5), createdSeconds: row.unsigned(6))
  }
}
