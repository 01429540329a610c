import CSystem

/// One end of a connected pair of sockets that keeps messages apart and can carry descriptors.
@frozen
public struct MessageSocket: ~Copyable {
  public let descriptor: FileDescriptor

  public init(_ descriptor: consuming FileDescriptor) {
    self.descriptor = descriptor
  }

  /// What one receive brought.
  public struct Message {
    public var bytes: [UInt8]
    /// Descriptors that came with it; whoever takes the message owns them.
    public var descriptors: [CInt]
  }

  /// Two sockets, each the other's peer, as raw descriptors that the caller owns.
  public static func pair() throws(SystemError) -> (CInt, CInt) {
    var ends: (CInt, CInt) = (-1, -1)
    let result = withUnsafeMutablePointer(to: &ends) {
      $0.withMemoryRebound(to: CInt.self, capacity: 2) { system_socket_pair($0) }
    }
    try check(result, "create a socket pair")
    return ends
  }

  /// Sends one message; the descriptors are lent. Never waits: a full queue is an error.
  public borrowing func send(_ bytes: [UInt8], descriptors: [CInt] = []) throws(SystemError) {
    let result = bytes.withUnsafeBytes { bytes in
      descriptors.withUnsafeBufferPointer {
        system_send_message(descriptor.rawValue, bytes.baseAddress, bytes.count, $0.baseAddress, $0.count, 0)
      }
    }
    try check(result, "send to", "the peer")
  }

  /// The peer finds the end behind what it was sent.
  public borrowing func endSending() {
    _ = system_end_sending(descriptor.rawValue)
  }

  /// Waits until there is a message to receive, or the end; with `orRoom` also until one could be sent.
  public borrowing func wait(orRoom: Bool) {
    _ = system_wait_message(descriptor.rawValue, orRoom ? 1 : 0)
  }

  /// How many bytes the next message has, which may be none; nil: there is none yet, or the peer is gone. Never waits.
  public borrowing func nextMessageBytes() -> Int? {
    let count = system_next_message_bytes(descriptor.rawValue)
    return count < 0 ? nil : Int(count)
  }

  /// The next message; nil: there is none yet (only without `wait`). Empty bytes: the peer is gone.
  public borrowing func receive(limitBytes: Int, wait: Bool) throws(SystemError) -> Message? {
    var bytes = [UInt8](repeating: 0, count: limitBytes)
    var descriptors = [CInt](repeating: -1, count: SYSTEM_MESSAGE_DESCRIPTORS)
    var count = 0
    let result = bytes.withUnsafeMutableBytes { bytes in
      descriptors.withUnsafeMutableBufferPointer {
        system_receive_message(
          descriptor.rawValue, bytes.baseAddress, bytes.count, $0.baseAddress, &count, wait ? 1 : 0)
      }
    }
    if result == -Int(Errno.wouldBlock.rawValue) { return nil }
    try check(result, "receive from", "the peer")
    bytes.removeLast(bytes.count - Int(result))
    descriptors.removeLast(descriptors.count - count)
    return Message(bytes: bytes, descriptors: descriptors)
  }
}
