import Basics
import CSystem
import LinuxSystem
import MicroAgent

/// Shows a person at a terminal how far something long has come: a line on standard error that is written over. Elsewhere it is silent.
final class Progress {
  private let isShown = system_is_terminal(2) == 1
  private let title: String
  private let totalBytes: UInt64
  private var shownAt: Instant?
  private var rateFrom: (time: Instant, bytes: UInt64)
  private var bytesPerSecond: UInt64 = 0

  private static let pauseMilliseconds: UInt64 = 200
  private static let rateMilliseconds: UInt64 = 2000

  init(_ title: String, totalBytes: UInt64) {
    self.title = title
    self.totalBytes = totalBytes
    rateFrom = (Clock.now(), 0)
  }

  /// So much is there.
  func show(_ bytes: UInt64) {
    let now = Clock.now()
    guard isShown, shownAt.map({ now.milliseconds(since: $0) >= Self.pauseMilliseconds }) ?? true else { return }
    shownAt = now
    let milliseconds = now.milliseconds(since: rateFrom.time)
    if milliseconds >= Self.rateMilliseconds {
      bytesPerSecond = (bytes - min(bytes, rateFrom.bytes)) * 1000 / milliseconds
      rateFrom = (now, bytes)
    }
    let rate = bytesPerSecond > 0 ? ", \(ByteCount.short(bytesPerSecond))/s" : ""
    write("\(title): \(ByteCount.short(bytes)) of \(ByteCount.short(totalBytes))\(rate)")
  }

  /// What is going on instead of bytes.
  func say(_ line: String) {
    if isShown { write("\(title): \(line)") }
  }

  /// Leaves the line as if it had never been there.
  func clear() {
    if isShown, shownAt != nil { write("") }
  }

  private func write(_ line: String) {
    // Back to the line's start, and what was there is erased.
    let bytes = Array("\r\u{1B}[K\(line)".utf8)
    _ = bytes.withUnsafeBytes { system_write(2, $0.baseAddress, $0.count) }
  }
}
