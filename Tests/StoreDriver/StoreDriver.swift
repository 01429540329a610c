// A program for tests, for processes that are to be killed, traced, or to have no threads.
//
//   store-driver write <path> <count>
//
// writes numbered rows to a store through a writer of its own, says which are acknowledged, and ends without closing. It
// prints `open`, then `acknowledged <n>` for each row from 1, or `refused <n>: <why>`, and stops at the first refusal. It
// kills itself when nobody reads its output any more.
//
//   store-driver serve <path> <pages>
//
// is a store's writer, whose agent's socket is its standard input; it copies a log of so many pages.
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

private final class Rows {
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
    let body = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: 3000)
    store.write(Transaction("INSERT INTO rows VALUES (?1, ?2)", [SQLValue(number), SQLValue(body)])) { failure in
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
      _ = system_wait_message(store.descriptor, 0)
      store.handleCompletion()
    }
  }
}

private func write(_ path: String, _ count: UInt64) -> CInt {
  do throws(StoreError) {
    let opened = try Store.open(
      path, schema: Schema(migrations: ["CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB)"]))
    let store = try opened.startWriter()
    say("open")
    Rows(store, last: count).run()
    _exit(0)
  } catch {
    say("\(error)")
    return 1
  }
}

private func serve(_ path: String, _ pages: UInt64) -> CInt {
  StoreWriter.run(path, on: MessageSocket(FileDescriptor(owning: 0)), checkpointPages: Int(pages))
  return 0
}

// Where the program starts: SwiftPM tells the linker that `main` is `<module>_main`, on the host and on boards alike.
@_cdecl("store_driver_main")
func programMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  let words = (0..<Int(count)).map { arguments[$0].map { String(cString: $0) } ?? "" }
  guard words.count == 4, let number = Decimal.parse(words[3]) else { return 2 }
  switch words[1] {
  case "write": return write(words[2], number)
  case "serve": return serve(words[2], number)
  default: return 2
  }
}
