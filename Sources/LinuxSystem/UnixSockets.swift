import CSystem

/// Stream sockets that have a path.
public enum UnixSockets {
  /// Listens at `path` with the file mode `mode`. A socket file that nobody listens on is replaced in one step, so that
  /// `connect` always finds the one or the other; one in use is refused with `addressInUse`. A path has at most 107 bytes
  /// (unix(7)). As long as it is made, the file has another name beside it: `~` for the last character.
  public static func listen(
    _ path: String, mode: UInt32, backlog: CInt = 16
  ) throws(SystemError) -> FileDescriptor {
    FileDescriptor(owning: try check(system_unix_listen(path, mode, backlog), "listen on", path))
  }

  /// Connects to the listener at `path`, or fails, without waiting.
  public static func connect(_ path: String) throws(SystemError) -> FileDescriptor {
    FileDescriptor(owning: try check(system_unix_connect(path), "connect to", path))
  }
}

/// Who is at the other end of a Unix socket, as the kernel saw it when the connection was made (SO_PEERCRED).
public struct PeerCredentials: Equatable, Sendable {
  public let process: Int32
  public let user: UInt32
  public let group: UInt32

  /// Asks the kernel about a connected socket.
  public static func of(socket: CInt) throws(SystemError) -> PeerCredentials {
    var found = system_peer_credentials()
    try check(system_peer_credentials(socket, &found), "ask for the credentials of", "a connection's peer")
    return PeerCredentials(process: found.process, user: found.user, group: found.group)
  }
}
