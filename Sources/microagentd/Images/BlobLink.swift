import CSystem
import EventLoop
import LinuxSystem

/// The agent's end of the socket to the process that has the blobs (`BlobWriter`), which is started when it is needed, and ends
/// when it has had nothing to do for a while.
final class BlobLink {
  private struct Waiting {
    let number: UInt64
    let completion: (BlobAnswer) -> Void
  }

  private let files: ImageFiles
  private let loop: EventLoop
  private var socket: MessageSocket?
  private var watcher: DescriptorWatcher?
  private var child: ChildWatcher?
  private var process: Int32 = 0
  private var idle: Timer?
  private var lastNumber: UInt64 = 0
  private var outbox: [[UInt8]] = []
  private var waiting: [Waiting] = []
  /// Bytes of what is not answered yet.
  private var owed: [(number: UInt64, bytes: Int)] = []
  /// Called when what was too much is none any more.
  var onRoom: (() -> Void)?

  /// More than this is not taken from clients before some of it is written.
  private static let mostOwedBytes = 512 * 1024
  private static let idleMilliseconds: UInt64 = 10_000

  init(_ files: ImageFiles, on loop: EventLoop) throws(SystemError) {
    self.files = files
    self.loop = loop
    idle = nil
    idle = try Timer(on: loop) { [unowned(unsafe) self] in endWhenIdle() }
  }

  /// Clients are to wait.
  var isFull: Bool { owed.reduce(0) { $0 + $1.bytes } >= Self.mostOwedBytes }

  /// Has something done; `completion` is called when it is.
  func ask(_ task: BlobTask, completion: @escaping (BlobAnswer) -> Void) {
    lastNumber += 1
    let message = task.message(number: lastNumber)
    waiting.append(Waiting(number: lastNumber, completion: completion))
    owed.append((lastNumber, message.count))
    outbox.append(message)
    idle?.stop()
    if socket == nil, child == nil { start() }
    send()
  }

  /// Has the process finish what it was given. Waits for the disk: for the end of the program.
  func close() {
    end()
    if child != nil { _ = system_wait_for_end(process) }
    child?.close()
    child = nil
    idle?.close()
    idle = nil
    waiting = []
    onRoom = nil
  }

  // MARK: The process

  private func start() {
    do throws(SystemError) {
      let (ours, theirs) = try MessageSocket.pair()
      let process = system_fork()
      if process == 0 {
        become(theirs)
        system_exit(0)
      }
      _ = system_close(theirs)
      let made = MessageSocket(FileDescriptor(owning: ours))
      try check(process, "fork", "the blobs' writer")
      self.process = process
      child = try ChildWatcher(
        on: loop, pidfd: FileDescriptor(owning: try check(system_pidfd_open(process), "watch", "the blobs' writer"))
      ) { [unowned(unsafe) self] in ended() }
      watcher = try DescriptorWatcher(on: loop, borrowing: made.descriptor.rawValue) { [unowned(unsafe) self] _ in
        heard()
      }
      try watcher?.start(.readable)
      socket = .some(made)
    } catch {
      fail("\(error)")
    }
  }

  /// A service manager that ends the agent by a signal to its whole group must not lose what was brought.
  private func become(_ socket: CInt) {
    _ = system_close_others(socket)
    for signal in [SIGTERM, SIGINT, SIGHUP] { _ = system_ignore_signal(signal) }
    _ = system_set_process_name(BlobWriter.processName)
    BlobWriter.run(MessageSocket(FileDescriptor(owning: socket)), files)
  }

  /// The socket's end is the process's, once it has done what it was given.
  private func end() {
    watcher?.close()
    watcher = nil
    socket = nil
  }

  private func endWhenIdle() {
    if waiting.isEmpty { end() }
  }

  private func ended() {
    var status = system_exit_status()
    _ = system_wait(process, 0, &status)
    child?.close()
    child = nil
    if socket != nil {
      end()
      fail("its process is gone")
    } else if !outbox.isEmpty {
      start()
      send()
    }
  }

  // MARK: Messages

  private func send() {
    guard socket != nil else { return }
    var count = 0
    while count < outbox.count, (try? socket?.send(outbox[count])) != nil { count += 1 }
    outbox.removeFirst(count)
    try? watcher?.start(outbox.isEmpty ? .readable : [.readable, .writable])
  }

  private func heard() {
    while let message = try? socket?.receive(limitBytes: BlobTask.maximumMessageBytes, wait: false),
      !message.bytes.isEmpty, let (number, answer) = BlobAnswer.read(message.bytes)
    {
      take(number, answer)
    }
    send()
  }

  private func take(_ number: UInt64, _ answer: BlobAnswer) {
    guard let index = waiting.firstIndex(where: { $0.number == number }) else { return }
    let wasFull = isFull
    let completion = waiting.remove(at: index).completion
    owed.removeAll { $0.number == number }
    completion(answer)
    if wasFull, !isFull { onRoom?() }
    if waiting.isEmpty { idle?.start(milliseconds: Self.idleMilliseconds) }
  }

  private func fail(_ reason: String) {
    outbox = []
    for number in waiting.map({ $0.number }) { take(number, .failed("blobs: \(reason)")) }
  }
}
