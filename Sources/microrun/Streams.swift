import Basics
import CSystem
import LinuxSystem

/// Standard output and error.
enum Streams {
  static func write(_ text: String, to descriptor: CInt = 1) { write(Array(text.utf8)[...], to: descriptor) }

  static func write(_ bytes: ArraySlice<UInt8>, to descriptor: CInt = 1) {
    var rest = bytes
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { system_write(descriptor, $0.baseAddress, $0.count) }
      if count <= 0 { return }
      rest.removeFirst(Int(count))
    }
  }

  /// A string that a stranger may have chosen, on one line and without what moves a terminal's cursor.
  static func clean(_ text: String) -> String {
    ASCII.string(text.utf8.map { $0 < 0x20 || $0 == 0x7F ? UInt8(ascii: "?") : $0 })
  }
}

/// Does what only the kernel can fail at, and tells the reason as a failure of the command.
func telling<Value: ~Copyable>(_ work: () throws(SystemError) -> Value) throws(Failure) -> Value {
  do throws(SystemError) {
    return try work()
  } catch {
    throw Failure("\(error)")
  }
}
