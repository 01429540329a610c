/// Guesses what somebody meant to type.
enum Similarity {
  /// The candidate that one or two wrong letters, or a cut-off end, make out of `text`; nil where none is that near.
  static func nearest(to text: String, among candidates: [String]) -> String? {
    let wanted = Array(text.utf8)
    guard wanted.count >= 2, wanted.count <= 32 else { return nil }
    if let longer = candidates.first(where: { $0.utf8.starts(with: wanted) }) { return longer }
    var best: (distance: Int, candidate: String)?
    for candidate in candidates {
      let distance = distance(wanted, Array(candidate.utf8))
      if distance <= min(2, wanted.count - 1), distance < best?.distance ?? Int.max { best = (distance, candidate) }
    }
    return best?.candidate
  }

  /// How many letters must be added, left out or changed (Levenshtein).
  private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var row = Array(0...right.count)
    for (i, a) in left.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, b) in right.enumerated() {
        let changed = diagonal + (a == b ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(changed, row[j] + 1, row[j + 1] + 1)
      }
    }
    return row[right.count]
  }
}
