import Basics
import CSystem
import Netlink

/// The kernel's packet filter, nf_tables.
public enum PacketFilter {
  /// Puts a table in the place of the one of that name, all or nothing. It stays when this process ends.
  ///
  /// - Throws: what the kernel refused, on which rule, and why; then all is as it was.
  public static func replace(_ rules: PacketRules) throws(PacketFilterError) {
    try perform(PacketRulesBatch(replacing: [rules]))
  }

  /// Makes changes, all or nothing. They stay when this process ends.
  @inline(never)
  public static func perform(_ batch: PacketRulesBatch) throws(PacketFilterError) {
    let answers: [NetlinkAnswer]
    do throws(SystemError) { answers = try send(batch.bytes) } catch { throw PacketFilterError(error) }
    if let refusal = answers.first(where: { $0.errno != 0 }) {
      throw PacketFilterError(batch.subject(refusal.sequence), refusal)
    }
    if !answers.contains(where: { $0.sequence == batch.lastSequence }) {
      throw PacketFilterError("the kernel does not say whether it took the rules", Errno(rawValue: 0))
    }
  }

  /// All answers to a batch.
  private static func send(_ bytes: [UInt8]) throws(SystemError) -> [NetlinkAnswer] {
    let socket = FileDescriptor(owning: try check(system_netfilter_socket(), "ask", "the packet filter"))
    try check(bytes.withUnsafeBytes { system_write(socket.rawValue, $0.baseAddress, $0.count) }, "send", "rules")
    var answers: [NetlinkAnswer] = []
    // The kernel has answered before the call that sent the batch came back.
    while let more = receive(socket.rawValue) { answers += more }
    return answers
  }

  /// Of the answers to one batch: each has less than 200 bytes, and the kernel gives as many as fit.
  private static let bufferBytes = 8192

  /// Nil: there are no more.
  private static func receive(_ socket: CInt) -> [NetlinkAnswer]? {
    var buffer = [UInt8](repeating: 0, count: bufferBytes)
    let count = buffer.withUnsafeMutableBytes { system_receive_from_kernel(socket, $0.baseAddress, $0.count) }
    return count > 0 ? NetlinkAnswer.decode(buffer[..<count]) : nil
  }
}

/// Why the packet filter did not take rules; one line for a person.
public struct PacketFilterError: Error, Equatable, CustomStringConvertible {
  public let description: String
  public let errno: Errno

  init(_ description: String, _ errno: Errno) {
    (self.description, self.errno) = (description, errno)
  }

  init(_ error: SystemError) {
    self.init(error.description, error.errno)
  }

  init(_ subject: String, _ answer: NetlinkAnswer) {
    let words = answer.text.isEmpty ? "" : " (\(answer.text))"
    let errno = Errno(rawValue: answer.errno)
    self.init("put \(subject) into the packet filter: \(errno)\(words)", errno)
  }
}
