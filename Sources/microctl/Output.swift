import CSystem
import LinuxSystem

/// Standard output, gathered into few writes.
final class Output {
  static let descriptor: CInt = 1
  private static let bufferBytes = 8 * 1024
  private var buffer: [UInt8] = []

  static var isTerminal: Bool { system_is_terminal(descriptor) != 0 }

  func write(_ text: String) throws(Failure) {
    try write(Array(text.utf8)[...])
  }

  func line(_ text: String) throws(Failure) {
    try write(text)
    try write("\n")
  }

  func write(_ bytes: ArraySlice<UInt8>) throws(Failure) {
    buffer += bytes
    if buffer.count >= Self.bufferBytes { try flush() }
  }

  func flush() throws(Failure) {
    var rest = buffer[...]
    buffer = []
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { system_write(Self.descriptor, $0.baseAddress, $0.count) }
      if count == -Int(Errno.brokenPipe.rawValue) { throw Failure(.outputClosed, "") }
      if count == -Int(Errno.wouldBlock.rawValue) {
        // Somebody made the terminal or pipe non-blocking: wait until it takes more.
        _ = system_wait_client(Self.descriptor, 1, -1, -1, -1, -1)
        continue
      }
      if count < 0 {
        throw Failure(.refused, "write the output: \(Errno(rawValue: CInt(-count)))")
      }
      rest.removeFirst(Int(count))
    }
  }

  /// One line on standard error.
  static func complain(_ line: String) {
    writeErrors(Array("microctl: \(Text.clean(line))\n".utf8))
  }

  /// To standard error, where it is taken.
  static func writeErrors(_ bytes: [UInt8]) {
    _ = bytes.withUnsafeBytes { system_write(2, $0.baseAddress, $0.count) }
  }
}
