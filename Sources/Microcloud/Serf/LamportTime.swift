/// A reading of one of Serf's three logical clocks: of members, of events, of queries.
public struct LamportTime: RawRepresentable, Hashable, Comparable, Sendable, ExpressibleByIntegerLiteral {
  public var rawValue: UInt64

  public init(rawValue: UInt64) {
    self.rawValue = rawValue
  }

  public init(integerLiteral value: UInt64) {
    rawValue = value
  }

  public static func < (left: LamportTime, right: LamportTime) -> Bool {
    left.rawValue < right.rawValue
  }
}
