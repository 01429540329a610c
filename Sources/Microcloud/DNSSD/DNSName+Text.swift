import Basics

// Names as people read and write them: labels with dots between, and `\` before what would be misread.
extension DNSName: CustomStringConvertible {
  /// The name without a final dot; the root is `.`. A dot or backslash inside a label stands behind a backslash; control
  /// characters and bytes that are not UTF-8, which could confuse a terminal, stand as `\DDD`, in decimal.
  public var description: String {
    if isRoot { return "." }
    var text: [UInt8] = []
    for label in labels {
      if !text.isEmpty { text.append(Self.dot) }
      Self.append(label, to: &text)
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The name that a text spells, escaped as in `description`; one dot at the end is allowed.
  public init(_ text: String) throws(DNSError) {
    var labels: [[UInt8]] = []
    var label: [UInt8] = []
    var bytes = Array(text.utf8)[...]
    if bytes.count == 1, bytes.first == Self.dot { bytes = [] }
    var isOpen = !bytes.isEmpty
    while let byte = bytes.popFirst() {
      isOpen = true
      switch byte {
      case Self.dot:
        labels.append(label)
        label = []
        isOpen = false
      case Self.backslash: label.append(try Self.escaped(&bytes))
      default: label.append(byte)
      }
    }
    if isOpen { labels.append(label) }
    try self.init(labels: labels)
  }

  private static let dot = UInt8(ascii: ".")
  private static let backslash = UInt8(ascii: "\\")

  /// The byte that follows a backslash: three digits, or any character for itself.
  private static func escaped(_ bytes: inout ArraySlice<UInt8>) throws(DNSError) -> UInt8 {
    guard let first = bytes.first else { throw .badEscape }
    guard first >= 0x30, first <= 0x39 else { return bytes.removeFirst() }
    let digits = bytes.prefix(3)
    guard digits.count == 3, let number = Decimal.parse(digits), let byte = UInt8(exactly: number) else {
      throw .badEscape
    }
    bytes.removeFirst(3)
    return byte
  }

  private static func append(_ label: [UInt8], to text: inout [UInt8]) {
    let isText = String(validating: label, as: UTF8.self) != nil
    var previous: UInt8 = 0
    for (index, byte) in label.enumerated() {
      let next = index + 1 < label.count ? label[index + 1] : 0
      if byte == dot || byte == backslash {
        text += [backslash, byte]
      } else if byte < 0x20 || byte == 0x7F || byte >= 0x80 && (!isText || isHighControl(previous, byte, next)) {
        text += [backslash, 0x30 + byte / 100, 0x30 + byte / 10 % 10, 0x30 + byte % 10]
      } else {
        text.append(byte)
      }
      previous = byte
    }
  }

  /// Whether a byte is one of the two of a character from U+0080 to U+009F, which terminals obey as they do ESC.
  private static func isHighControl(_ previous: UInt8, _ byte: UInt8, _ next: UInt8) -> Bool {
    byte == 0xC2 && next < 0xA0 || previous == 0xC2 && byte < 0xA0
  }
}
