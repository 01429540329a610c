import Basics

/// Names of entries, as they may be joined to a directory.
public enum TarPath {
  static let separator = UInt8(ascii: "/")
  private static let dot = UInt8(ascii: ".")

  /// The same path without `/` at its ends, without `.` and without empty parts: `./a//b/` is `a/b`, `./` is empty.
  static func normalized(_ path: [UInt8]) throws(TarError.Reason) -> [UInt8] {
    if path.isEmpty { throw .emptyName }
    if path.contains(0) { throw .zeroByteInName }
    var result: [UInt8] = []
    for part in ASCII.split(path[...], at: separator) where !part.isEmpty && !part.elementsEqual([dot]) {
      if part.elementsEqual([dot, dot]) { throw .parentName }
      if part.count > TarLimits.nameBytes { throw .nameTooLong }
      if !result.isEmpty { result.append(separator) }
      result += part
    }
    if result.count > TarLimits.pathBytes { throw .nameTooLong }
    return result
  }

  /// What a path's last part stands in, and that part: `a/b` in `a`, `b` in the top directory.
  public static func split(_ path: [UInt8]) -> (directory: ArraySlice<UInt8>, name: ArraySlice<UInt8>) {
    guard let slash = path.lastIndex(of: separator) else { return ([], path[...]) }
    return (path[..<slash], path[(slash + 1)...])
  }
}

extension TarError.Reason: Error {}
