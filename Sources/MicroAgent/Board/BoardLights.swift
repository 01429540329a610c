/// What a board's lights show: one for the system, one for membership, one for containers.
public struct BoardLights: Equatable, Sendable {
  /// How a light shines; the kernel does all of it, so that the agent can sleep.
  public enum Pattern: Equatable, Sendable {
    case off, on
    case blink(onMilliseconds: UInt64, offMilliseconds: UInt64)
    /// So many flashes, 1 to 9, a pause, and again.
    case flashes(UInt64)

    public static let quick = Pattern.blink(onMilliseconds: 100, offMilliseconds: 100)
    public static let even = Pattern.blink(onMilliseconds: 500, offMilliseconds: 500)
    public static let seldom = Pattern.blink(onMilliseconds: 100, offMilliseconds: 1900)
  }

  /// What is wrong with the board, by the number of flashes that tell it; the first of these that is so is shown.
  public enum Fault: UInt64, CaseIterable, Sendable {
    /// The store is not written: the disk is full, broken, or very slow.
    case store = 4
    /// No interface has an address.
    case address = 3
    /// The configuration has lines that are wrong.
    case configuration = 2
  }

  /// What there is to show.
  public struct Facts: Equatable, Sendable {
    public var faults: [Fault] = []
    /// Members of the microcloud but for this node; nil: it is in none.
    public var neighbours: UInt64?
    public var running: UInt64 = 0
    /// Containers that are to run and do not.
    public var failing: UInt64 = 0
    /// How far the button is pressed.
    public var button: ButtonPress.Stage?
    /// Somebody has asked for numbers.
    public var showsNumbers = false
    public var leave = Leave.none

    public init() {}
  }

  /// How far the node is in leaving.
  public enum Leave: Equatable, Sendable {
    case none, underWay
    /// The board may be unplugged.
    case done
  }

  public var system = Pattern.off
  public var membership = Pattern.off
  public var containers = Pattern.off

  /// For how long numbers are shown.
  public static let numbersMilliseconds: UInt64 = 10_000

  private static let mostFlashes: UInt64 = 9

  public init(_ facts: Facts) {
    if let button = facts.button {
      switch button {
      // The light that goes out, or on, tells that the press is felt.
      case .short: system = facts.faults.isEmpty ? .off : .on
      case .long: setAll(.even)
      case .longest: setAll(.quick)
      }
      return
    }
    switch facts.leave {
    case .underWay: setAll(.even)
    case .done: system = .seldom
    case .none: show(facts)
    }
  }

  private mutating func setAll(_ pattern: Pattern) {
    (system, membership, containers) = (pattern, pattern, pattern)
  }

  private mutating func show(_ facts: Facts) {
    let fault = Fault.allCases.first { facts.faults.contains($0) }
    system = fault.map { .flashes($0.rawValue) } ?? .on
    if facts.showsNumbers {
      membership = Self.flashes(facts.neighbours ?? 0)
      containers = Self.flashes(facts.running)
      return
    }
    membership = facts.neighbours.map { $0 > 0 ? .on : .seldom } ?? .off
    containers = facts.failing > 0 ? .even : facts.running > 0 ? .on : .off
  }

  private static func flashes(_ count: UInt64) -> Pattern {
    count == 0 ? .off : .flashes(min(count, mostFlashes))
  }
}
