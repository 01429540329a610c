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
  func save(_ name: String, _ bytes: [UInt8]) {
    keep(name, bytes)
    write(name)
  }

  /// Keeps it from now on, and has it written with what is written next, if there is room on the disk: it is not worth the
  /// last of it, nor a sync.
  func saveLazily(_ name: String, _ bytes: [UInt8]) {
    keep(name, bytes)
    write(name, bytes, isUrgent: false) { _ in }
  }

  /// Keeps it from now on; `completion` is called when it is on the disk, or with what is wrong: then it may go with the
  /// next power cut.
  func save(_ name: String, _ bytes: [UInt8], completion: @escaping (String?) -> Void) {
    keep(name, bytes)
    write(name, bytes, isUrgent: true, completion)
  }

  /// Keeps it as long as this agent lives.
  func keep(_ name: String, _ bytes: [UInt8]) {
    if let index = items.firstIndex(where: { $0.name == name }) {
      items[index].bytes = bytes
    } else {
      items.append(Item(name: name, bytes: bytes))
    }
  }

  private func write(_ name: String) {
    guard let bytes = self[name] else { return }
    write(name, bytes, isUrgent: true) { [unowned(unsafe) self] problem in
      if problem != nil { onFailure? { [unowned(unsafe) self] in write(name) } }
    }
  }

  private func write(
    _ name: String, _ bytes: [UInt8], isUrgent: Bool, _ completion: @escaping (String?) -> Void
  ) {
    let write = Transaction("INSERT OR REPLACE INTO item VALUES (?1, ?2)", [SQLValue(name), SQLValue(bytes)])
    store.write(write, isUrgent: isUrgent) { completion($0?.description) }
  }
}
