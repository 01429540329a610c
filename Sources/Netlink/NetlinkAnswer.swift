import Basics

/// What the kernel says of a request: done, or why not.
public struct NetlinkAnswer: Equatable, Sendable {
  /// Of the request.
  public let sequence: UInt32
  /// 0: done.
  public let errno: Int32
  /// The kernel's own words for it, where it has any.
  public let text: String

  init(sequence: UInt32, errno: Int32, text: String) {
    (self.sequence, self.errno, self.text) = (sequence, errno, text)
  }

  private static let errorType: UInt16 = 2
  private static let hasAttributes: UInt16 = 0x200
  private static let isCapped: UInt16 = 0x100
  private static let headerBytes = 16
  private static let textAttribute: UInt16 = 1
  /// Of the kernel's words; they are shown to a person.
  public static let maximumTextBytes = 160

  /// The answers in what one receive gave. Other messages are passed over.
  public static func decode(_ bytes: ArraySlice<UInt8>) -> [NetlinkAnswer] {
    var answers: [NetlinkAnswer] = []
    var rest = bytes
    while let message = rest.popNetlinkMessage() {
      if let answer = NetlinkAnswer(message) { answers.append(answer) }
    }
    return answers
  }

  /// Error (4 bytes, negative), the request's header (16) and what followed it where it is not left out; attributes.
  private init?(_ message: NetlinkMessage) {
    guard message.type == Self.errorType, let number = message.body.number32(at: 0) else { return nil }
    sequence = message.sequence
    // The least of all numbers has no opposite.
    errno = 0 &- Int32(bitPattern: number)
    let length = message.flags & Self.isCapped == 0 ? message.body.number32(at: 4) ?? 0 : UInt32(Self.headerBytes)
    let skipped = 4 + Int(min(length, UInt32(message.body.count)))
    let attributes = message.flags & Self.hasAttributes == 0 ? [] : message.body.dropFirst(skipped)
    let words = attributes.netlinkAttribute(Self.textAttribute) ?? []
    text = ASCII.string(words.prefix(Self.maximumTextBytes).filter { $0 >= ASCII.space && $0 < 0x7F })
  }
}
