extension QRCode {
  /// Light modules around it, as the standard wants.
  private static let quietModules = 4
  // Dark on light whatever the terminal's own colours are: cameras read no negatives.
  private static let begin = "\u{1B}[30;107m"
  private static let end = "\u{1B}[0m\n"

  /// As lines for a terminal of many colours: two rows of modules in each.
  var terminalText: String {
    var text = ""
    for row in stride(from: -Self.quietModules, to: size + Self.quietModules, by: 2) {
      text += Self.begin
      for column in -Self.quietModules..<(size + Self.quietModules) {
        switch (self[row, column], self[row + 1, column]) {
        case (true, true): text += "█"
        case (true, false): text += "▀"
        case (false, true): text += "▄"
        case (false, false): text += " "
        }
      }
      text += Self.end
    }
    return text
  }
}
