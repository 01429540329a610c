/// Follows all ways through an expression at once. At each place of the text it is at any instruction at most once.
struct RegularExpressionMachine {
  private let program: [RegularExpression.Instruction]
  private let text: [UInt32]
  /// The instructions that wait for the character at `position`.
  private var waiting: [Int] = []
  private var position = 0
  /// Where in the text each instruction was last come to.
  private var lastVisits: [Int]
  private var hasMatched = false

  init(program: [RegularExpression.Instruction], text: [UInt32]) {
    self.program = program
    self.text = text
    lastVisits = [Int](repeating: -1, count: program.count)
  }

  /// Whether the program matches, from any place of the text on.
  mutating func run() -> Bool {
    follow([0])
    while !hasMatched, position < text.count {
      let character = text[position]
      let moved = waiting.filter { isAccepted(character, at: $0) }.map { $0 + 1 }
      position += 1
      waiting = []
      follow(moved + [0])
    }
    return hasMatched
  }

  private func isAccepted(_ character: UInt32, at instruction: Int) -> Bool {
    if case .character(let accepted) = program[instruction] { accepted.contains(character) } else { false }
  }

  /// Goes on from these instructions to all that can be come to without a character.
  private mutating func follow(_ starts: [Int]) {
    var open = starts
    while let place = open.popLast() {
      if lastVisits[place] == position { continue }
      lastVisits[place] = position
      switch program[place] {
      case .character: waiting.append(place)
      case .split(let first, let second): open += [place + first, place + second]
      case .jump(let distance): open.append(place + distance)
      case .startOfText: if position == 0 { open.append(place + 1) }
      case .endOfText: if position == text.count { open.append(place + 1) }
      case .match: hasMatched = true
      }
    }
  }
}
