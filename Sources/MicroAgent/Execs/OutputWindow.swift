/// What a program wrote to one of its streams and whoever attends it has not said to have. It never holds more than its
/// capacity: a program that writes more waits.
public struct OutputWindow: Sendable {
  public static let capacityBytes = 32 * 1024

  private var bytes: [UInt8] = []
  /// Everything before was taken.
  public private(set) var takenOffset: UInt64 = 0

  public init() {}

  public var endOffset: UInt64 { takenOffset + UInt64(bytes.count) }
  public var isEmpty: Bool { bytes.isEmpty }
  /// How many bytes can be added.
  public var room: Int { Self.capacityBytes - bytes.count }

  /// Adds what the program wrote, at most as much as there is room for.
  public mutating func append(_ new: ArraySlice<UInt8>) { bytes += new.prefix(room) }

  /// All before this offset has arrived. What was said before stays so.
  public mutating func take(to offset: UInt64) throws(RequestError) {
    guard offset <= endOffset else {
      throw RequestError(.conflict, "output: \(endOffset) bytes were written, not \(offset)")
    }
    if offset > takenOffset {
      bytes.removeFirst(Int(offset - takenOffset))
      takenOffset = offset
    }
  }

  /// At most `limitBytes` from an offset on, which comes back moved to where something is.
  public func read(from wanted: UInt64, limitBytes: Int) -> (offset: UInt64, bytes: [UInt8]) {
    let offset = min(max(wanted, takenOffset), endOffset)
    return (offset, Array(bytes.dropFirst(Int(offset - takenOffset)).prefix(limitBytes)))
  }

  /// Nobody takes what is left.
  public mutating func discard() {
    takenOffset = endOffset
    bytes = []
  }
}
