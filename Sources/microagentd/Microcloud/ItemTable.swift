import Store

/// Small items under names in the store. They are all in memory, and few.
final class ItemTable {
  /// Is given what to do again later where the disk was full.
  var onFailure: ((@escaping () -> Void) -> Void)?

  struct Item {
    let name: String
    var bytes: [UInt8]
  }

  private let store: Store
  private var items: [Item]

  static let schema = "CREATE TABLE item (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID"

  static func read(_ opened: Store.Opened) throws(StoreError) -> [Item] {
    try opened.read { database throws(StoreError) in
      var found: [Item] = []
      let rows = try database.prepare("SELECT name, value FROM item")
      while try rows.step() { found.append(Item(name: rows.text(0), bytes: rows.bytes(1))) }
      return found
    }
  }

  /// Goes on with what was read.
  init(_ store: Store, _ items: [Item]) {
    self.store = store
    self.items = items
  }

  subscript(name: String) -> [UInt8]? {
    items.first { $0.name == name }?.bytes
  }

  /// Keeps it from now on, and writes it as soon as there is room on the disk.
  ///
  /// - Parameter isUrgent: it is not to be lost if the power is cut now.
  func save(_ name: String, _ bytes: [UInt8], isUrgent: Bool = true) {
    keep(name, bytes)
    write(name, isUrgent)
  }

  /// Keeps it from now on; `completion` is called when it is on the disk, or with what is wrong: then it may go with the
  /// next power cut.
  func save(_ name: String, _ bytes: [UInt8], completion: @escaping (String?) -> Void) {
    keep(name, bytes)
    write(name, bytes, isUrgent: true, completion)
  }

  private func keep(_ name: String, _ bytes: [UInt8]) {
    if let index = items.firstIndex(where: { $0.name == name }) {
      items[index].bytes = bytes
    } else {
      items.append(Item(name: name, bytes: bytes))
    }
  }

  private func write(_ name: String, _ isUrgent: Bool) {
    guard let bytes = self[name] else { return }
    write(name, bytes, isUrgent: isUrgent) { [unowned(unsafe) self] problem in
      if problem != nil { onFailure? { [unowned(unsafe) self] in write(name, isUrgent) } }
    }
  }

  private func write(
    _ name: String, _ bytes: [UInt8], isUrgent: Bool, _ completion: @escaping (String?) -> Void
  ) {
    let write = Transaction("INSERT OR REPLACE INTO item VALUES (?1, ?2)", [SQLValue(name), SQLValue(bytes)])
    store.write(write, isUrgent: isUrgent) { completion($0?.description) }
  }
}
