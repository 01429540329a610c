/// A regular expression as Go writes them, of which we know what queries use: literals, `.`, classes, `*`, `+`, `?`,
/// alternatives, groups and anchors.
///
/// Matching takes time in proportion to the text times the expression, whatever they are (Thompson 1968): all ways through
/// the expression are followed at once.
public struct RegularExpression: Sendable {
  /// The longest expression that we take, in Unicode scalars.
  public static let maximumScalars = 512
  /// The longest text that we match, in Unicode scalars.
  public static let maximumTextScalars = 1024
  /// Groups inside one another.
  static let maximumDepth = 16

  private let program: [Instruction]

  /// The expression of a pattern; nil if it is none, is too long, or has anything that we do not know.
  public init?(_ pattern: String) {
    var parser = RegularExpressionParser(pattern)
    guard let program = parser.parse() else { return nil }
    self.program = program + [.match]
  }

  /// Whether any part of `text` matches; nil if the text is too long to say.
  public func matches(_ text: String) -> Bool? {
    let scalars = text.unicodeScalars.prefix(Self.maximumTextScalars + 1).map { $0.value }
    if scalars.count > Self.maximumTextScalars { return nil }
    var machine = RegularExpressionMachine(program: program, text: scalars)
    return machine.run()
  }
}

extension RegularExpression {
  /// A step of the machine that an expression becomes. Jumps count from the instruction itself.
  enum Instruction: Sendable {
    /// One character of a class.
    case character(CharacterClass)
    /// Go on in both places.
    case split(Int, Int)
    case jump(Int)
    case startOfText
    case endOfText
    case match
  }

  /// Characters, as ranges of Unicode scalars.
  struct CharacterClass: Sendable {
    var ranges: [ClosedRange<UInt32>]
    var isNegated = false

    func contains(_ scalar: UInt32) -> Bool {
      ranges.contains { $0.contains(scalar) } != isNegated
    }

    static func scalar(_ value: UInt32) -> CharacterClass { CharacterClass(ranges: [value...value]) }
    /// `.`: all but the end of a line.
    static let any = CharacterClass(ranges: [0x0A...0x0A], isNegated: true)
    static let digits = CharacterClass(ranges: [0x30...0x39])
    static let word = CharacterClass(ranges: [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
    static let space = CharacterClass(ranges: [0x09...0x0A, 0x0C...0x0D, 0x20...0x20])
  }
}
