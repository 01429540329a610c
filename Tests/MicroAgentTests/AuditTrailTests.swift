import Basics
import Microcloud
import Testing

@testable import MicroAgent

struct AuditTrailTests {
  /// What the disk would hold.
  private final class Slots {
    var bytes: [Int: [UInt8]] = [:]
    func kept(_ slot: Int) -> [UInt8]? { bytes[slot] }
  }

  private let slots = Slots()
  private let member = Principal(thumbprint: [UInt8](repeating: 7, count: 32), role: .member)

  private func note(
    _ deed: String, in trail: inout AuditTrail, refusal: String? = nil, seconds: UInt64 = 1
  ) {
    let now = Instant(nanoseconds: seconds * 1_000_000_000)
    guard
      let (slot, entry) = trail.note(deed, by: member, refusal: refusal, wallSeconds: 1000 + seconds, now: now)
    else { return }
    slots.bytes[slot] = entry.value.encoded
  }

  @Test func tellsWhoDidWhatAndWhen() {
    var trail = AuditTrail(kept: slots.kept)
    note("run web", in: &trail)
    note("stop web", in: &trail, refusal: "you have none of that name here", seconds: 5)
    #expect(
      trail.entries(kept: slots.kept) == [
        AuditEntry(number: 1, wallSeconds: 1001, by: member, deed: "run web"),
        AuditEntry(
          number: 2, wallSeconds: 1005, by: member, deed: "stop web", refusal: "you have none of that name here"),
      ])
  }

  @Test func goesOnAfterARestart() {
    for life in 0..<3 {
      var trail = AuditTrail(kept: slots.kept)
      for number in 0..<100 { note("\(life * 100 + number)", in: &trail) }
    }
    let entries = AuditTrail(kept: slots.kept).entries(kept: slots.kept)
    #expect(entries.map { $0.deed } == (300 - AuditTrail.deedSlots..<300).map { "\($0)" })
    #expect(entries.map { $0.number } == (301 - AuditTrail.deedSlots..<301).map { UInt64($0) })
  }

  @Test func refusalsPushOutNoDeeds() {
    var trail = AuditTrail(kept: slots.kept)
    note("run web", in: &trail)
    for second in 0..<100_000 { note("run web", in: &trail, refusal: "no", seconds: UInt64(second)) }
    let entries = trail.entries(kept: slots.kept)
    #expect(entries.count == 1 + AuditTrail.refusalSlots)
    #expect(entries[0] == AuditEntry(number: 1, wallSeconds: 1001, by: member, deed: "run web"))
    // Each entry is a write to a flash card: one a minute, and some at once.
    #expect(entries.map { $0.number }.max()! < 100_000 / 60 + 30)
  }

  @Test func whatIsDamagedIsLeftOut() {
    var trail = AuditTrail(kept: slots.kept)
    note("run web", in: &trail)
    note("run dns", in: &trail)
    let whole = slots.bytes[0]!
    for count in 0..<whole.count {
      slots.bytes[0] = Array(whole.prefix(count))
      #expect(AuditTrail(kept: slots.kept).entries(kept: slots.kept).map { $0.deed } == ["run dns"])
    }
  }

  @Test func textsAreShort() {
    let entry = AuditEntry(number: 1, wallSeconds: 1, by: member, deed: String(repeating: "ü\u{1B}", count: 1000))
    #expect(entry.deed.utf8.count <= 3 * 128)
    #expect(!entry.deed.unicodeScalars.contains { $0.isControl })
  }
}
