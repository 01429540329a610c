import Basics
import TestSupport
import Testing

@testable import Microcloud

struct AvailabilityTests {
  /// A table that is looked at slot after slot.
  private struct Watch {
    var table = Availability(seed: 7)
    var now = Instant(nanoseconds: 0)

    mutating func look(slots: Int, _ members: [(String, Bool)], in kind: MembershipKind = .microcloud) {
      let members = members.map { (name: NodeName($0.0.utf8), isAlive: $0.1) }
      for _ in 0..<slots {
        precondition(table.beginSlot(now: now))
        table.observe(kind, members)
        now = now.advanced(milliseconds: Availability.slotMilliseconds)
      }
    }
  }

  @Test func countsWhomItSees() {
    var watch = Watch()
    watch.look(slots: 10, [("a", true), ("b", false)])
    watch.look(slots: 30, [("a", true), ("b", true)])
    watch.look(slots: 20, [("a", false), ("b", true)])
    #expect(watch.table.slots(of: "a", in: .microcloud) == (40, 60))
    // Before it was first seen nobody looked for it.
    #expect(watch.table.slots(of: "b", in: .microcloud) == (50, 50))
    #expect(watch.table.slots(of: "a", in: .public) == (0, 0))
    #expect(watch.table.slots(of: "c", in: .microcloud) == (0, 0))
    #expect(watch.table.encoded.count == 11 + 2 * 22)
  }

  @Test func looksOnceInASlot() {
    var table = Availability(seed: 1)
    let start = Instant(nanoseconds: 5)
    #expect(table.nextDeadline == nil)
    let next = start.advanced(milliseconds: Availability.slotMilliseconds)
    let begun = [start, start, Instant(nanoseconds: next.nanoseconds - 1), next].map { table.beginSlot(now: $0) }
    #expect(begun == [true, false, false, true])
    #expect(table.nextDeadline == next.advanced(milliseconds: Availability.slotMilliseconds))
  }

  /// While we see nobody it is we who are cut off.
  @Test func countsNothingWhileNobodyIsThere() {
    var watch = Watch()
    watch.look(slots: 5, [("a", true), ("b", true)])
    watch.look(slots: 100, [("a", false), ("b", false)])
    #expect(watch.table.slots(of: "a", in: .microcloud) == (5, 5))
  }

  @Test func remembersSevenDays() {
    var watch = Watch()
    let day = Int(Availability.slotsPerDay)
    watch.look(slots: day, [("a", true), ("b", true)])
    watch.look(slots: 6 * day - 1, [("a", false), ("b", true)])
    #expect(watch.table.slots(of: "a", in: .microcloud) == (day - 1 + 1, 7 * day - 1))
    watch.look(slots: 1, [("a", false), ("b", true)])
    #expect(watch.table.slots(of: "a", in: .microcloud).alive <= 1)
    // One that is not spoken of any more is forgotten in the end.
    watch.look(slots: 8 * day, [("b", true)])
    #expect(watch.table.count == 1)
    #expect(watch.table.slots(of: "b", in: .microcloud).alive >= 6 * day)
  }

  @Test func survivesARestart() throws {
    var watch = Watch()
    watch.look(slots: 300, [("a", true), ("b", true), ("c", false)])
    var again = try #require(Availability(encoded: watch.table.encoded))
    #expect(again.slots(of: "a", in: .microcloud) == (300, 300))
    // The clock begins anew.
    let hasBegun = again.beginSlot(now: Instant(nanoseconds: 0))
    #expect(hasBegun)
    again.observe(.microcloud, [(name: "a", isAlive: false), (name: "b", isAlive: true)])
    #expect(again.slots(of: "a", in: .microcloud) == (300, 301))
  }

  @Test func takesNoOtherBytes() {
    var watch = Watch()
    watch.look(slots: 3, [("a", true), ("b", true)])
    let encoded = watch.table.encoded
    #expect(Availability(encoded: encoded) != nil)
    for count in 0..<encoded.count where (count - 11) % 22 != 0 {
      #expect(Availability(encoded: Array(encoded.prefix(count))) == nil)
    }
    for (place, value) in [(0, 2), (1, 7), (2, 240), (11, 0xFF), (19, 4), (20, 241)] as [(Int, UInt8)] {
      var broken = encoded
      broken[place] = value
      #expect(Availability(encoded: broken) == nil, "byte \(place)")
    }
  }

  /// A stranger invents nodes, more than there is room for, again and again.
  @Test func inventedNodesDisplaceEachOther() {
    var watch = Watch()
    watch.look(slots: 20, [("real", true), ("other", true)])
    for round in 0..<35 {
      let invented = (0..<Availability.maximumNewRecords).map { ("invented-\(round)-\($0)", true) }
      watch.look(slots: 1, [("real", true)] + invented)
      #expect(watch.table.count <= Availability.maximumRecords)
    }
    #expect(watch.table.count == Availability.maximumRecords)
    #expect(watch.table.slots(of: "real", in: .microcloud) == (55, 55))
    #expect(watch.table.slots(of: "other", in: .microcloud) == (20, 20))
    #expect(watch.table.encoded.count < 46_000)
    #expect(Availability(encoded: watch.table.encoded) != nil)
  }
}
