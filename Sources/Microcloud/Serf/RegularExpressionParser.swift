/// Makes a program of a pattern. Each function gives nil for what it does not know.
struct RegularExpressionParser {
  private typealias Fragment = [RegularExpression.Instruction]

  private var rest: ArraySlice<UInt32>

  init(_ pattern: String) {
    rest = pattern.unicodeScalars.prefix(RegularExpression.maximumScalars + 1).map { $0.value }[...]
  }

  mutating func parse() -> [RegularExpression.Instruction]? {
    if rest.count > RegularExpression.maximumScalars { return nil }
    guard let program = alternatives(depth: 0), rest.isEmpty else { return nil }
    return program
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard rest.first == character.value else { return false }
    rest.removeFirst()
    return true
  }

  private func isNext(_ characters: Unicode.Scalar...) -> Bool {
    characters.contains { rest.first == $0.value }
  }

  private mutating func alternatives(depth: Int) -> Fragment? {
    if depth > RegularExpression.maximumDepth { return nil }
    guard var all = sequence(depth: depth) else { return nil }
    while take("|") {
      guard let other = sequence(depth: depth) else { return nil }
      all = [.split(1, all.count + 2)] + all + [.jump(other.count + 1)] + other
    }
    return all
  }

  private mutating func sequence(depth: Int) -> Fragment? {
    var all: Fragment = []
    while !rest.isEmpty, !isNext("|", ")") {
      guard let next = repetition(depth: depth) else { return nil }
      all += next
    }
    return all
  }

  private mutating func repetition(depth: Int) -> Fragment? {
    guard let once = atom(depth: depth) else { return nil }
    var fragment = once
    if take("*") {
      fragment = [.split(1, once.count + 2)] + once + [.jump(-once.count - 1)]
    } else if take("+") {
      fragment = once + [.split(-once.count, 1)]
    } else if take("?") {
      fragment = [.split(1, once.count + 1)] + once
    } else {
      return fragment
    }
    // As few as possible instead of as many: no difference to whether it matches.
    _ = take("?")
    return isNext("*", "+", "?") ? nil : fragment
  }

  private mutating func atom(depth: Int) -> Fragment? {
    guard let first = rest.popFirst(), let character = Unicode.Scalar(first) else { return nil }
    switch character {
    case "(": return group(depth: depth)
    case "[": return characterClass().map { [.character($0)] }
    case ".": return [.character(.any)]
    case "^": return [.startOfText]
    case "$": return [.endOfText]
    case "\\": return escape().map { [.character($0)] }
    // Repetition of nothing, and counted repetition, which we do not know.
    case "*", "+", "?", "{": return nil
    default: return [.character(.scalar(first))]
    }
  }

  /// What stands after an opening parenthesis, and the closing one. Of `(?…` only the group without a number is known.
  private mutating func group(depth: Int) -> Fragment? {
    if take("?"), !take(":") { return nil }
    guard let content = alternatives(depth: depth + 1), take(")") else { return nil }
    return content
  }
}

// Classes of characters.
extension RegularExpressionParser {
  private typealias CharacterClass = RegularExpression.CharacterClass

  /// What stands after a backslash.
  private mutating func escape() -> CharacterClass? {
    guard let first = rest.popFirst(), let character = Unicode.Scalar(first) else { return nil }
    switch character {
    case "d": return .digits
    case "w": return .word
    case "s": return .space
    case "D": return CharacterClass(ranges: CharacterClass.digits.ranges, isNegated: true)
    case "W": return CharacterClass(ranges: CharacterClass.word.ranges, isNegated: true)
    case "S": return CharacterClass(ranges: CharacterClass.space.ranges, isNegated: true)
    case "t": return .scalar(0x09)
    case "n": return .scalar(0x0A)
    case "v": return .scalar(0x0B)
    case "f": return .scalar(0x0C)
    case "r": return .scalar(0x0D)
    case "0"..."9", "A"..."Z", "a"..."z": return nil
    default: return first < 0x80 ? .scalar(first) : nil
    }
  }

  /// What stands after an opening bracket, and the closing one.
  private mutating func characterClass() -> CharacterClass? {
    var all = CharacterClass(ranges: [], isNegated: take("^"))
    var isFirst = true
    while isFirst || !take("]") {
      guard let ranges = classItem() else { return nil }
      all.ranges += ranges
      isFirst = false
    }
    return all
  }

  /// A character, a range of them, or an escape that stands for several.
  private mutating func classItem() -> [ClosedRange<UInt32>]? {
    guard let start = classCharacter() else { return nil }
    guard let low = start.single, isNext("-"), rest.dropFirst().first != UInt32(UInt8(ascii: "]")) else {
      return start.isNegated ? nil : start.ranges
    }
    rest.removeFirst()
    guard let high = classCharacter()?.single, low <= high else { return nil }
    return [low...high]
  }

  private mutating func classCharacter() -> CharacterClass? {
    if take("\\") { return escape() }
    // `[:alpha:]` and its like, which we do not know.
    if isNext("["), rest.dropFirst().first == UInt32(UInt8(ascii: ":")) { return nil }
    return rest.popFirst().map { .scalar($0) }
  }
}

extension RegularExpression.CharacterClass {
  /// The one character that it is.
  fileprivate var single: UInt32? {
    guard !isNegated, ranges.count == 1, ranges[0].count == 1 else { return nil }
    return ranges[0].lowerBound
  }
}
