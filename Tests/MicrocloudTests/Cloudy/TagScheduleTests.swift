import Basics
import TestSupport
import Testing

@testable import Microcloud

struct TagScheduleTests {
  private static let mebibyte: UInt64 = 1 << 20
  private static let start = Instant(nanoseconds: 0)

  @Test func saysMemoryEveryTenMinutesAtMost() {
    var schedule = TagSchedule(freeMemoryBytes: 100 * Self.mebibyte, now: Self.start)
    #expect(schedule.toldMemoryMiB == 96 && schedule.nextDeadline == nil)
    schedule.setFreeMemory(bytes: 40 * Self.mebibyte)
    let due = Self.start.advanced(milliseconds: 600_000)
    #expect(schedule.nextDeadline == due)
    let times = [Self.start.advanced(milliseconds: 599_999), due, due]
    let taken = times.map { schedule.take(now: $0) }
    #expect(taken == [false, true, false])
    #expect(schedule.toldMemoryMiB == 40)
    // What is back before it was said need not be said.
    schedule.setFreeMemory(bytes: 80 * Self.mebibyte)
    schedule.setFreeMemory(bytes: 40 * Self.mebibyte)
    #expect(schedule.nextDeadline == nil)
  }

  @Test func saysServicesAtOnceAndNotMemoryWithThem() {
    var schedule = TagSchedule(freeMemoryBytes: 100 * Self.mebibyte, now: Self.start)
    let later = Self.start.advanced(milliseconds: 1000)
    schedule.setFreeMemory(bytes: 40 * Self.mebibyte)
    schedule.setChanged()
    let isTaken = schedule.take(now: later)
    #expect(isTaken && schedule.toldMemoryMiB == 96)
    #expect(schedule.nextDeadline == Self.start.advanced(milliseconds: 600_000))
  }

  /// A service that comes and goes ten times a second, and memory that never rests.
  @Test func boundsWhatANodeCanCause() {
    var generator = SeededGenerator(seed: 1)
    var schedule = TagSchedule(freeMemoryBytes: 100 * Self.mebibyte, now: Self.start)
    var changes = 0
    var longestWait: UInt64 = 0
    var now = Self.start
    var changedSince: Instant?
    for _ in 0..<36_000 {
      now = now.advanced(milliseconds: 100)
      schedule.setFreeMemory(bytes: UInt64(generator.below(256)) * Self.mebibyte)
      schedule.setChanged()
      changedSince = changedSince ?? now
      guard schedule.take(now: now) else { continue }
      changes += 1
      if schedule.nextDeadline.map({ $0 > now }) ?? true, let since = changedSince {
        longestWait = max(longestWait, now.milliseconds(since: since))
        changedSince = nil
      }
    }
    #expect((60...4 + 60 + 6).contains(changes), "\(changes)")
    #expect(longestWait <= TagSchedule.changeMilliseconds)
    // An hour of rest pays for four in a row, no more.
    now = now.advanced(milliseconds: 3_600_000)
    schedule.setFreeMemory(bytes: UInt64(schedule.toldMemoryMiB) * Self.mebibyte)
    _ = schedule.take(now: now)
    now = now.advanced(milliseconds: 3_600_000)
    let taken = (0..<10).count { _ in
      schedule.setChanged()
      return schedule.take(now: now)
    }
    #expect(taken == 4)
    #expect(schedule.nextDeadline == now.advanced(milliseconds: 60_000))
  }
}
