import Basics

/// What a microcloud may be called: it becomes part of DNS names, tags and web pages.
public enum MicrocloudName {
  public static let maximumBytes = 32
  /// The one that is founded where there is none in reach, so that boards without any setting meet.
  public static let customary = "microcloud"

  /// Letters, digits and `-`, of which the last is not at an end.
  public static func isValid(_ name: String) -> Bool {
    let bytes = Array(name.utf8)
    guard let first = bytes.first, let last = bytes.last, bytes.count <= maximumBytes else { return false }
    return ASCII.isLetterOrDigit(first) && ASCII.isLetterOrDigit(last)
      && bytes.allSatisfy { ASCII.isLetterOrDigit($0) || $0 == UInt8(ascii: "-") }
  }
}
