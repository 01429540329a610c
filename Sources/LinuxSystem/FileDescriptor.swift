import CSystem

/// An open file that this value owns: it is closed exactly once, when the value ends.
///
/// Functions that only use a descriptor take its `rawValue`; whoever holds a `FileDescriptor` owns it.
@frozen
public struct FileDescriptor: ~Copyable {
  public let rawValue: CInt

  /// Takes over a descriptor that nobody else will close.
  public init(owning rawValue: CInt) {
    self.rawValue = rawValue
  }

  deinit {
    _ = system_close(rawValue)
  }

  /// Gives the descriptor away: the caller closes it.
  public consuming func release() -> CInt {
    let raw = rawValue
    discard self
    return raw
  }

  /// Opens a file (open(2)); the descriptor closes on exec.
  public static func open(_ path: String, _ flags: CInt, mode: UInt32 = 0o600) throws(SystemError) -> FileDescriptor {
    FileDescriptor(owning: try check(system_open(path, flags, mode), "open", path))
  }

  /// A pipe's two ends. What is written to `writing` is read from `reading`.
  public static func pipe(nonblocking: Bool) throws(SystemError) -> Pipe {
    var ends: (CInt, CInt) = (-1, -1)
    let result = withUnsafeMutablePointer(to: &ends) {
      $0.withMemoryRebound(to: CInt.self, capacity: 2) { system_pipe($0, nonblocking ? 1 : 0) }
    }
    try check(result, "create a pipe")
    return Pipe(reading: FileDescriptor(owning: ends.0), writing: FileDescriptor(owning: ends.1))
  }
}

/// The two ends of a pipe; taking one apart from the other is `consume`-ing the pair.
@frozen
public struct Pipe: ~Copyable {
  public var reading: FileDescriptor
  public var writing: FileDescriptor
}
