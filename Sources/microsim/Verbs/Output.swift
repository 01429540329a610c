import CSystem

/// What is said is said at once, so that it is there even if the next thing is the program's end.
enum Output {
  static func say(_ text: String) { write(text, to: 1) }

  static func line(_ text: String) { say(text + "\n") }

  static func complain(_ text: String) { write("microsim: \(text)\n", to: 2) }

  private static func write(_ text: String, to descriptor: CInt) {
    let bytes = Array(text.utf8)
    _ = bytes.withUnsafeBytes { system_write(descriptor, $0.baseAddress, $0.count) }
  }
}
