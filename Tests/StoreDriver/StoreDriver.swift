// A program for tests: writes numbered rows to a store, says which are acknowledged, and ends without closing.
//
//   store-driver <path> <count> [wait]
//
// It prints `open`, then `acknowledged <n>` for each row from 1, or `refused <n>: <why>`, and stops at the first refusal.
// With `wait` it stays until its input ends. It kills itself when nobody
// reads its output any more.
import Basics
import CSystem
import LinuxSystem
import Store

private func say(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  let written = bytes.withUnsafeBytes { system_write(1, $0.baseAddress, $0.count) }
  // SIGPIPE may be ignored by inheritance; nobody listening is the end all the same.
  if written < 0 { kill(getpid(), SIGKILL) }
}

private final class Writer {
  let store: Store
  let last: UInt64
  var isDone = false

  init(_ store: Store, last: UInt64) {
    self.store = store
    self.last = last
  }

  func write(_ number: UInt64) {
    if number > last {
      isDone = true
      return
    }
    store.write { (database: Database) throws(StoreError) in
      try database.prepare("INSERT INTO rows VALUES (?1, ?2)")
        .bind(1, number).bind(2, [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 3000)).run()
    } completion: { failure in
      if let failure {
        say("refused \(number): \(failure)")
        self.isDone = true
      } else {
        say("acknowledged \(number)")
        self.write(number + 1)
      }
    }
  }

  func run() {
    write(1)
    while !isDone {
      var wait = pollfd(fd: store.completionDescriptor, events: Int16(POLLIN), revents: 0)
      _ = poll(&wait, 1, -1)
      store.handleCompletion()
    }
  }
}

private func run(_ path: String, _ count: UInt64, wait: Bool) -> CInt {
  do throws(StoreError) {
    let opened = try Store.open(
      path, schema: Schema(migrations: ["CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB)"]))
    say("open")
    Writer(opened.store, last: count).run()
    if wait {
      var byte: UInt8 = 0
      while system_read(0, &byte, 1) > 0 {}
    }
    _exit(0)
  } catch {
    say("\(error)")
    return 1
  }
}

// Where the program starts: SwiftPM tells the linker that `main` is `<module>_main`, on the host and on boards alike.
@_cdecl("store_driver_main")
func programMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  let words = (0..<Int(count)).map { arguments[$0].map { String(cString: $0) } ?? "" }
  guard words.count >= 3, let rows = Decimal.parse(words[2]) else { return 2 }
  return run(words[1], rows, wait: words.count > 3)
}
