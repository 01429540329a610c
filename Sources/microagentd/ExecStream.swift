import CSystem
import ContainerRunner
import EventLoop
import LinuxSystem
import MicroAgent

/// What a program that is run in a container writes to one of its streams: the last of it is kept.
final class ExecStream {
  private let log: ContainerLog
  private var watcher: DescriptorWatcher?

  /// Until somebody has its writing end, `openForProgram`, nothing comes.
  init(on loop: EventLoop) throws(SystemError) {
    let pipe = try FileDescriptor.pipe(nonblocking: true)
    let ring = FileDescriptor(owning: try check(system_memfd("microagent-exec"), "make", "a ring for output"))
    log = try ContainerLog(pipe: pipe.reading, ring: ring, capacityBytes: Execs.outputBytes)
    watcher = try DescriptorWatcher(on: loop, borrowing: log.pipeDescriptor) { [unowned(unsafe) self] _ in
      // Ready and empty: no writer is left.
      if !log.drain() { watcher?.stop() }
    }
  }

  deinit { close() }

  func openForProgram() throws(SystemError) -> FileDescriptor {
    let writing = try OutputPipe.openForContainer(log.pipeDescriptor)
    try watcher?.start(.readable)
    return writing
  }

  /// The last of what came, and how much of it is not there any more. Nothing more is taken.
  func finish() -> (bytes: [UInt8], cutBytes: UInt64) {
    log.drainAll()
    close()
    let (offset, bytes) = log.read(from: 0, limitBytes: Int(Execs.outputBytes))
    return (bytes, offset)
  }

  func close() {
    watcher?.close()
    watcher = nil
  }
}
