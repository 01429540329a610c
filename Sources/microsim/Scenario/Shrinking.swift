/// Makes a history that goes wrong shorter, as long as it does: leaves out halves of it, then ever smaller pieces.
enum Shrinking {
  /// The most histories that are tried.
  static let mostTries = 300

  static func shortest(_ steps: [Scenario.Step], where fails: ([Scenario.Step]) -> Bool) -> [Scenario.Step] {
    var shortest = steps
    var size = max(1, steps.count / 2)
    var tries = 0
    while !shortest.isEmpty {
      let before = shortest.count
      var start = 0
      while start < shortest.count, tries < mostTries {
        tries += 1
        var candidate = shortest
        candidate.removeSubrange(start..<min(start + size, shortest.count))
        if fails(candidate) { shortest = candidate } else { start += size }
      }
      if tries == mostTries || size == 1 && shortest.count == before { break }
      size = max(1, size / 2)
    }
    return shortest
  }
}
