import Microcloud

extension ByteRuns {
  /// Where each run begins and ends, one after the other.
  public var value: CBORValue {
    .array(runs.flatMap { [.unsigned($0.lowerBound), .unsigned($0.upperBound)] })
  }

  /// Reads what `value` writes; nil if it is something else.
  public init?(_ value: CBORValue) {
    guard let bounds = value.arrayValue?.map({ $0.unsignedValue }), bounds.count % 2 == 0 else { return nil }
    for index in stride(from: 0, to: bounds.count, by: 2) {
      guard let start = bounds[index], let end = bounds[index + 1], start < end, add(start..<end) else { return nil }
    }
  }
}
