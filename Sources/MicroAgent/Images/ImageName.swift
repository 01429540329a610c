import Basics

/// What images are called: `alpine:3.20`, `guifi/dns:latest`. A name without a tag has the tag `latest`.
public enum ImageName {
  public static let maximumBytes = 200
  static let advice =
    "use small letters, digits, '.', '-', '_' and '/', then ':' and a tag, at most \(maximumBytes) bytes"

  /// The name with its tag.
  public static func complete(_ text: String) -> String {
    let last =
      text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).last ?? Substring("").utf8
    return last.contains(UInt8(ascii: ":")) ? text : text + ":latest"
  }

  /// Whether a text is a whole name: parts between slashes, of which the first may have a registry's port, then a tag.
  public static func isValid(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count <= maximumBytes, let colon = bytes.lastIndex(of: UInt8(ascii: ":")) else { return false }
    let tag = bytes[(colon + 1)...]
    guard isPart(tag, mayShout: true) else { return false }
    let parts = ASCII.split(bytes[..<colon], at: UInt8(ascii: "/"))
    return parts.enumerated().allSatisfy { index, part in
      let pieces = ASCII.split(part, at: UInt8(ascii: ":"))
      let mayHavePort = index == 0 && parts.count > 1
      return pieces.count <= (mayHavePort ? 2 : 1) && pieces.allSatisfy { isPart($0, mayShout: false) }
    }
  }

  private static func isPart(_ part: ArraySlice<UInt8>, mayShout: Bool) -> Bool {
    guard let first = part.first, ASCII.isLetterOrDigit(first) || mayShout && first == UInt8(ascii: "_") else {
      return false
    }
    return part.allSatisfy { byte in
      if byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") { return true }
      return ASCII.isLetterOrDigit(byte) && (mayShout || ASCII.lowercased(byte) == byte)
    }
  }
}
