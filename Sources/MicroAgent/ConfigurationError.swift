/// What is wrong in a configuration file: the line, and what would be right.
public struct ConfigurationError: Error, Equatable, CustomStringConvertible {
  public let line: Int
  public let problem: String

  init(line: Int, _ problem: String) {
    self.line = line
    self.problem = problem
  }

  public var description: String { "line \(line): \(problem)" }
}

/// All that is wrong in a configuration file, in the order of its lines.
public struct ConfigurationProblems: Equatable, Sendable {
  /// The first ones.
  private var told: [ConfigurationError] = []
  /// How many there are.
  public private(set) var count = 0

  /// As many as a person mends at once; a file that is none at all has one in every line.
  public static let maximumTold = 16

  init() {}

  /// Where the line stands among those that are told already, or nowhere.
  mutating func add(_ problem: ConfigurationError) {
    count += 1
    let index = told.firstIndex { $0.line > problem.line } ?? told.count
    told.insert(problem, at: index)
    if told.count > Self.maximumTold { told.removeLast() }
  }

  /// The one that stands first in the file.
  var first: ConfigurationError? { told.first }

  /// The first of them as lines for a person, and how many more there are.
  public var lines: [String] {
    told.map { "\($0)" } + (count > told.count ? ["and \(count - told.count) more lines are wrong"] : [])
  }
}

/// Settings that do not go together.
struct ConfigurationConflict: Equatable {
  /// Those of which one has to go, in this order.
  let settings: [String]
  let problem: String

  init(_ settings: [String], _ problem: String) {
    self.settings = settings
    self.problem = problem
  }
}
