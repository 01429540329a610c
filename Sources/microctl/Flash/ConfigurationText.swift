import Basics

/// The text of a configuration file, in which settings are replaced, while what else a person wrote stays.
enum ConfigurationText {
  /// A setting to put in.
  struct Line: Equatable {
    let name: String
    let value: String

    var text: String { "\(name) = \(value)" }
  }

  /// The text with these settings in it: each in the place of the first line of its name, and at the end where there is
  /// none. Further lines of that name go.
  static func putting(_ lines: [Line], into text: [UInt8]) -> [UInt8] {
    // Some editors know only one of the two ends of a line.
    let end: [UInt8] = text.contains(0x0D) ? [0x0D, 0x0A] : [0x0A]
    var waiting = lines
    var result: [UInt8] = []
    for line in ASCII.lines(text[...]) {
      guard let name = settingName(line), lines.contains(where: { $0.name == name }) else {
        result += line + [0x0A]
        continue
      }
      if let index = waiting.firstIndex(where: { $0.name == name }) {
        result += Array(waiting.remove(at: index).text.utf8) + end
      }
    }
    for line in waiting { result += Array(line.text.utf8) + end }
    return result
  }

  private static func settingName(_ line: ArraySlice<UInt8>) -> String? {
    // Editors of other systems put a byte order mark first.
    let trimmed = ASCII.trim(line.starts(with: [0xEF, 0xBB, 0xBF]) ? line.dropFirst(3) : line)
    guard trimmed.first != UInt8(ascii: "#"), let equals = trimmed.firstIndex(of: UInt8(ascii: "=")) else { return nil }
    return ASCII.string(ASCII.trim(trimmed[..<equals]))
  }
}
