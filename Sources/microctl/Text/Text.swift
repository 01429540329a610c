import Basics

/// Text from elsewhere, made fit for a terminal.
enum Text {
  /// The same text without what could move the cursor, change colours or turn the writing round; a newline or tab becomes
  /// a space, anything else of the kind a question mark.
  static func clean(_ text: String) -> String {
    var scalars = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x09, 0x0A, 0x0D: scalars.append(" ")
      default: scalars.append(scalar.isControl ? "?" : scalar)
      }
    }
    return String(scalars)
  }

  /// The text itself, or its start and `...` where it is longer than `limit` code points.
  static func shortened(_ text: String, to limit: Int) -> String {
    if text.unicodeScalars.count <= limit { return text }
    var scalars = String.UnicodeScalarView()
    scalars.append(contentsOf: text.unicodeScalars.prefix(limit - 3))
    return String(scalars) + "..."
  }

  static func starts(_ text: String, with prefix: String) -> Bool {
    text.utf8.starts(with: prefix.utf8)
  }

  static func joined(_ parts: [String], by separator: String) -> String {
    var text = ""
    for (index, part) in parts.enumerated() { text += index == 0 ? part : separator + part }
    return text
  }

  static func padded(_ text: String, to width: Int) -> String {
    text + spaces(width - text.unicodeScalars.count)
  }

  static func spaces(_ count: Int) -> String {
    String(repeating: " ", count: max(0, count))
  }
}
