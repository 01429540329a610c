import CSystem
import LinuxSystem

/// Descriptors that a command was given, and those that it waits for.
enum Descriptors {
  /// Standard output and error are pipes or sockets: what a container's user may be given. A terminal or /dev/null stays whose it is.
  static var arePipes: Bool {
    for descriptor in [CInt(1), 2] {
      var status = system_file_status()
      guard system_fstat(descriptor, &status) == 0 else { return false }
      let kind = status.mode & UInt32(S_IFMT)
      if kind != UInt32(S_IFIFO), kind != UInt32(S_IFSOCK) { return false }
    }
    return true
  }

  /// Standard input to its end, or a byte more than `limitBytes`.
  static func readInput(limitBytes: Int) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count <= limitBytes {
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = try check(
        buffer.withUnsafeMutableBytes { system_read(0, $0.baseAddress, $0.count) }, "read", "standard input")
      if count == 0 { break }
      bytes += buffer[..<Int(count)]
    }
    return bytes
  }

  /// All that comes before a pipe's end, of which no more than a failure's bytes is expected.
  static func readToEnd(_ descriptor: CInt) -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
      var readable: CInt = 0
      var buffer = [UInt8](repeating: 0, count: 64)
      var watched = descriptor
      guard system_wait_readable(&watched, &readable, 1, -1) >= 0 else { return bytes }
      let count = buffer.withUnsafeMutableBytes { system_read(descriptor, $0.baseAddress, $0.count) }
      if count == -Int(Errno.wouldBlock.rawValue) { continue }
      if count <= 0 { return bytes }
      bytes += buffer[..<count]
    }
  }
}

/// Who takes a terminal's other side: whoever listens at --console-socket, or this command as long as it stays.
struct ConsoleSocket: ~Copyable {
  private var socket: FileDescriptor?
  private var own: TerminalSocket?
  let descriptor: CInt

  init(_ arguments: Arguments, terminal: Bool, stays: Bool) throws(Failure) {
    let path = arguments.value("console-socket")
    guard terminal else {
      if path != nil { throw Failure("--console-socket: the process has no terminal (process.terminal)") }
      descriptor = -1
      return
    }
    guard let path else {
      guard stays else {
        throw Failure("process.terminal: give --console-socket: nobody would take its other side once this is over")
      }
      let (ours, theirs) = try telling { () throws(SystemError) in try MessageSocket.pair() }
      own = TerminalSocket(MessageSocket(FileDescriptor(owning: ours)))
      socket = .some(FileDescriptor(owning: theirs))
      descriptor = theirs
      return
    }
    let made = try telling { () throws(SystemError) in try UnixSockets.connect(path) }
    descriptor = made.rawValue
    socket = .some(made)
  }

  /// The terminal that is shown here, once its program runs; nil: there is none.
  borrowing func terminal() throws(Failure) -> FileDescriptor? {
    guard let own else { return nil }
    return try telling { () throws(SystemError) in try own.receive() }
  }
}

/// Where a terminal comes in that is shown by this command.
private final class TerminalSocket {
  private let socket: MessageSocket

  init(_ socket: consuming MessageSocket) { self.socket = socket }

  func receive() throws(SystemError) -> FileDescriptor {
    guard let message = try socket.receive(limitBytes: 64, wait: false), let first = message.descriptors.first else {
      throw SystemError("take", "the terminal", .noSuchDevice)
    }
    return FileDescriptor(owning: first)
  }
}
