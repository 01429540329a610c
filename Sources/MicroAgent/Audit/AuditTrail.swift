import Basics
import Microcloud

/// Who did what, when, and what came of it: the last deeds and, apart from them so that nobody pushes them out by asking in
/// vain, the last refusals. What only looks is not noted.
///
/// The trail knows which slot comes next; the entries themselves are in the slots, which are kept on the disk. A power cut may
/// take the last of them along, though not what they tell of.
public struct AuditTrail: Sendable {
  public static let deedSlots = 128
  public static let refusalSlots = 32
  /// Flash wears: who goes on asking in vain is noted so often, and not more.
  private static let refusalsPerHour: UInt64 = 60
  private static let refusalBurst: UInt64 = 16

  /// The numbers of the entries in each slot, those of refusals last; 0: it is empty.
  private var numbers = [UInt64](repeating: 0, count: deedSlots + refusalSlots)
  private var refusals = RateLimit()

  /// - Parameter kept: what stands in a slot.
  public init(kept: (Int) -> [UInt8]?) {
    for slot in numbers.indices {
      if let entry = Self.entry(kept(slot)) { numbers[slot] = entry.number }
    }
  }

  /// Notes something; the entry is to be put into the slot. Nil: it is one refusal too many.
  public mutating func note(
    _ deed: String, by principal: Principal, refusal: String? = nil, wallSeconds: UInt64, now: Instant
  ) -> (slot: Int, entry: AuditEntry)? {
    let interval = 3600 / Self.refusalsPerHour
    if refusal != nil, !refusals.take(everySeconds: interval, burst: Self.refusalBurst, now: now) { return nil }
    let slots = refusal == nil ? 0..<Self.deedSlots : Self.deedSlots..<numbers.count
    guard let slot = slots.min(by: { numbers[$0] < numbers[$1] }), let last = numbers.max() else { return nil }
    numbers[slot] = last + 1
    return (
      slot, AuditEntry(number: last + 1, wallSeconds: wallSeconds, by: principal, deed: deed, refusal: refusal)
    )
  }

  /// All there is, the oldest first.
  public func entries(kept: (Int) -> [UInt8]?) -> [AuditEntry] {
    numbers.indices.compactMap { Self.entry(kept($0)) }.sorted { $0.number < $1.number }
  }

  private static func entry(_ bytes: [UInt8]?) -> AuditEntry? {
    bytes.flatMap { try? CBORDecoder.decode($0) }.flatMap { AuditEntry($0) }
  }
}
