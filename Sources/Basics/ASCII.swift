/// Splitting and trimming of text that a kernel, a file or a command line gave, byte by byte.
///
/// Embedded Swift has no Unicode-aware string searching; nothing here needs it.
public enum ASCII {
  public static let space: UInt8 = 0x20
  public static let newline: UInt8 = 0x0A

  public static func isBlank(_ byte: UInt8) -> Bool {
    byte == space || (byte >= 0x09 && byte <= 0x0D)
  }

  public static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }

  /// A capital letter as the small one, anything else as it is.
  public static func lowercased(_ byte: UInt8) -> UInt8 {
    byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
  }

  /// The string of these bytes; what is not UTF-8 becomes U+FFFD.
  public static func string(_ bytes: some Sequence<UInt8>) -> String {
    String(decoding: Array(bytes), as: UTF8.self)
  }

  /// The parts between separators, empty parts included: `split("a::b", at: ":")` has three.
  public static func split(_ bytes: ArraySlice<UInt8>, at separator: UInt8) -> [ArraySlice<UInt8>] {
    var parts: [ArraySlice<UInt8>] = []
    var start = bytes.startIndex
    for index in bytes.indices where bytes[index] == separator {
      parts.append(bytes[start..<index])
      start = index + 1
    }
    parts.append(bytes[start..<bytes.endIndex])
    return parts
  }

  /// The lines of a text, without their newlines; the last one need not end in one.
  public static func lines(_ bytes: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
    var lines = split(bytes, at: newline)
    if let last = lines.last, last.isEmpty { lines.removeLast() }
    return lines
  }

  /// The words of a line: the runs between blanks.
  public static func words(_ bytes: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
    bytes.split(whereSeparator: isBlank)
  }

  public static func trim(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var slice = bytes
    while let first = slice.first, isBlank(first) { slice.removeFirst() }
    while let last = slice.last, isBlank(last) { slice.removeLast() }
    return slice
  }
}
