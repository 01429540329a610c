import CSystem
import EventLoop
import LinuxSystem
import MicroAgent

/// What somebody gives a program as its input: a piece at a time, and the next when that one is the program's.
final class ExecInput {
  /// Told once whether a piece was taken.
  typealias Answer = (RequestError?) -> Void

  private var queue = InputQueue()
  private var watcher: DescriptorWatcher?
  /// Nobody reads it: what comes is taken, and goes nowhere.
  private var isClosed = false
  /// A pipe, which has an end. At a terminal that is a character.
  private let isPipe: Bool
  private var answer: Answer?

  init(isPipe: Bool) {
    self.isPipe = isPipe
  }

  deinit { close() }

  /// Where it goes, as soon as that is there.
  func attach(_ descriptor: consuming FileDescriptor, on loop: EventLoop) throws(SystemError) {
    watcher = try DescriptorWatcher(on: loop, owning: descriptor) { [unowned(unsafe) self] event in
      if case .failed = event { return close() }
      write()
    }
    write()
  }

  func take(_ piece: InputPiece, _ answer: @escaping Answer) throws(RequestError) {
    try queue.accept(piece)
    // Who asks again has lost the way on which the first answer would come.
    self.answer?(RequestError(.conflict, "input: it came again"))
    self.answer = answer
    write()
  }

  /// Nobody reads it any more.
  func close() {
    isClosed = true
    watcher?.close()
    watcher = nil
    write()
  }

  private func write() {
    if isClosed { queue.discard() }
    if let watcher, !queue.waiting.isEmpty {
      let count = queue.waiting.withUnsafeBytes { system_write(watcher.descriptor, $0.baseAddress, $0.count) }
      if count < 0, count != -Int(Errno.wouldBlock.rawValue) { return close() }
      queue.wrote(max(0, Int(count)))
    }
    guard queue.waiting.isEmpty else {
      do throws(SystemError) { try watcher?.start(.writable) } catch { close() }
      return
    }
    watcher?.stop()
    if queue.hasEnded, isPipe, !isClosed { return close() }
    let answer = answer
    self.answer = nil
    answer?(nil)
  }
}
