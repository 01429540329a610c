/// Rows under a header, in aligned columns, for people.
struct Table {
  private static let gap = 2
  private var rows: [[String]]

  init(_ header: [String]) {
    rows = [header]
  }

  /// Adds a row; its texts are cleaned of control characters.
  mutating func add(_ row: [String]) {
    rows.append(row.map(Text.clean))
  }

  /// The lines, each with its newline and without blanks at its end.
  var text: String {
    var widths: [Int] = []
    for row in rows {
      for (column, cell) in row.enumerated() {
        let width = cell.unicodeScalars.count
        if column == widths.count { widths.append(width) } else { widths[column] = max(widths[column], width) }
      }
    }
    var text = ""
    for row in rows {
      var pending = 0
      for (column, cell) in row.enumerated() {
        if !cell.isEmpty {
          text += Text.spaces(pending) + cell
          pending = 0
        }
        pending += widths[column] - cell.unicodeScalars.count + Self.gap
      }
      text += "\n"
    }
    return text
  }
}
