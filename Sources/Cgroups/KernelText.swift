import Basics
import LinuxSystem

/// Reads numbers out of control files; what is missing or not a number gives nil.
enum KernelText {
  /// The number that a file holds alone; `max` and anything else is nil.
  static func number(_ text: [UInt8]?) -> UInt64? {
    guard let text else { return nil }
    return Decimal.parse(ASCII.trim(text[...]))
  }

  /// The number behind `key` in a file of lines of key and value.
  static func value(of key: String, in text: [UInt8]?) -> UInt64? {
    guard let text else { return nil }
    for line in ASCII.lines(text[...]) {
      let words = ASCII.words(line)
      if words.count == 2, words[0].elementsEqual(key.utf8) { return Decimal.parse(words[1]) }
    }
    return nil
  }

  /// The process numbers of a `cgroup.procs`. 0, which stands for a process of another pid namespace, is left out: for
  /// kill(2) it would mean everybody here. So is a last line without its end, whose number may be cut.
  static func processes(_ text: [UInt8]) -> [Int32] {
    guard let end = text.lastIndex(of: ASCII.newline) else { return [] }
    return ASCII.lines(text[...end]).compactMap { line in
      guard let number = Decimal.parse(line), let process = Int32(exactly: number), process > 0 else { return nil }
      return process
    }
  }

  /// A file's text; nil where there is none, or its group is gone.
  static func read(_ path: String) -> [UInt8]? {
    do throws(SystemError) { return try Files.read(path) } catch { return nil }
  }
}
