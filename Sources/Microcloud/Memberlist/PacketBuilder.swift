/// Puts messages together into packets of a bounded size.
///
/// One message stands alone, several are a compound. We never compress, which is a sender's right.
public struct PacketBuilder {
  /// What peers make packets of, and surely take: before encryption and below UDP.
  public static let customaryBudgetBytes = 1400
  /// What a checksum takes of the budget.
  private static let checksumBytes = 5
  private static let maximumParts = 255

  private let budgetBytes: Int
  private let hasChecksum: Bool
  private var lengths: [UInt16] = []
  private var parts: [UInt8] = []

  /// A builder of one packet of at most `budgetBytes`. A checksum goes only to peers whose memberlist protocol goes up to
  /// 5; others would not understand the packet.
  public init(budgetBytes: Int = customaryBudgetBytes, hasChecksum: Bool = false) {
    self.budgetBytes = budgetBytes - (hasChecksum ? Self.checksumBytes : 0)
    self.hasChecksum = hasChecksum
  }

  /// Whether there is no message in it.
  public var isEmpty: Bool { lengths.isEmpty }

  /// How long a message can still be added.
  public var remainingBytes: Int {
    if lengths.isEmpty { return max(0, budgetBytes) }
    if lengths.count == Self.maximumParts { return 0 }
    return max(0, budgetBytes - compoundBytes(parts: lengths.count + 1) - parts.count)
  }

  private func compoundBytes(parts: Int) -> Int { 2 + 2 * parts }

  /// Adds an encoded message if there is room for it; whether there was.
  public mutating func add(_ message: [UInt8]) -> Bool {
    guard !message.isEmpty, message.count <= remainingBytes, let length = UInt16(exactly: message.count) else {
      return false
    }
    lengths.append(length)
    parts += message
    return true
  }

  /// The packet; nil if there is no message in it.
  public func finish() -> [UInt8]? {
    if isEmpty { return nil }
    let content = lengths.count == 1 ? parts : compound
    if !hasChecksum { return content }
    let sum = CRC32.checksum(content)
    return [MemberlistMessageType.checksummed.rawValue]
      + (0..<4).map { UInt8(truncatingIfNeeded: sum >> (24 - 8 * UInt32($0))) } + content
  }

  private var compound: [UInt8] {
    var bytes = [MemberlistMessageType.compound.rawValue, UInt8(lengths.count)]
    bytes.reserveCapacity(compoundBytes(parts: lengths.count) + parts.count)
    for length in lengths {
      bytes.append(UInt8(length >> 8))
      bytes.append(UInt8(length & 0xFF))
    }
    return bytes + parts
  }
}
