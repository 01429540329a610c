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

/// Who takes a terminal's other side.
struct ConsoleSocket: ~Copyable {
  private var socket: FileDescriptor?
  let descriptor: CInt

  init(_ arguments: Arguments, terminal: Bool) throws(Failure) {
    let path = arguments.value("console-socket")
    guard terminal else {
      if path != nil { throw Failure("--console-socket: the process has no terminal (process.terminal)") }
      descriptor = -1
      return
    }
    guard let path else {
      throw Failure(
        "process.terminal: give --console-socket: microrun does not stay between a terminal and a container")
    }
    let made = try telling { () throws(SystemError) in try UnixSockets.connect(path) }
    descriptor = made.rawValue
    socket = .some(made)
  }
}
