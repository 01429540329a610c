import CSystem
import EventLoop
import LinuxSystem
import MicroAgent

/// What a program that somebody attends writes to one of its streams, as far as it was not taken yet. While there is no room
/// for more nothing is read, and the program waits.
final class ExecOutput {
  private(set) var window = OutputWindow()
  /// Nothing more comes.
  private(set) var isComplete = false
  private var watcher: DescriptorWatcher?
  /// The program has ended: what is there is its own, and of what others write who have its streams, no more than this.
  private var leftBytes: Int?
  /// Called when there is more, or nothing more comes.
  var onChange: (() -> Void)?

  /// As much as one turn of the loop moves.
  private static let readBytes = 16 * 1024
  /// A pipe holds no more, and a terminal less.
  private static let lastBytes = 64 * 1024

  deinit { close() }

  /// Where it comes from, as soon as that is there.
  func attach(_ descriptor: consuming FileDescriptor, on loop: EventLoop) throws(SystemError) {
    let made = try DescriptorWatcher(on: loop, owning: descriptor) { [unowned(unsafe) self] _ in _ = read() }
    watcher = made
    try made.start(.readable)
  }

  /// The terminal whose other side it is; negative: none, or not yet.
  var terminal: CInt { watcher?.descriptor ?? -1 }

  /// All has arrived that ever comes.
  var isTaken: Bool { isComplete && window.isEmpty }

  /// All before this offset has arrived.
  func take(to offset: UInt64) throws(RequestError) {
    try window.take(to: offset)
    readOn()
  }

  /// What is there now is the last.
  func endOfProgram() {
    leftBytes = Self.lastBytes
    readOn()
  }

  /// Nobody wants it any more.
  func discard() {
    window.discard()
    complete()
  }

  func close() {
    watcher?.close()
    watcher = nil
    onChange = nil
  }

  /// Nothing tells that an ended program's stream is empty: it is read until it is.
  private func readOn() {
    guard !isComplete else { return }
    if leftBytes == nil {
      do throws(SystemError) { try watcher?.start(.readable) } catch { complete() }
    } else if watcher == nil {
      complete()
    } else {
      while read() {}
    }
  }

  /// Whether it brought anything.
  private func read() -> Bool {
    guard let watcher, !isComplete else { return false }
    let limit = min(window.room, Self.readBytes, leftBytes ?? .max)
    if limit == 0 {
      watcher.stop()
      if leftBytes == 0 { complete() }
      return false
    }
    var bytes = [UInt8](repeating: 0, count: limit)
    let count = bytes.withUnsafeMutableBytes { system_read(watcher.descriptor, $0.baseAddress, $0.count) }
    if count > 0 {
      window.append(bytes[..<count])
      leftBytes = leftBytes.map { $0 - count }
      onChange?()
      return true
    }
    // At a terminal's end stands an error.
    if count != -Int(Errno.wouldBlock.rawValue) || leftBytes != nil { complete() }
    return false
  }

  private func complete() {
    guard !isComplete else { return }
    isComplete = true
    watcher?.close()
    watcher = nil
    onChange?()
  }
}
