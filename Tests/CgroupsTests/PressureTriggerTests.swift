import Testing

@testable import Cgroups

@Suite struct PressureTriggerTests {
  @Test func textForTheKernel() throws {
    let trigger = try PressureTrigger(
      .some, stallMicroseconds: 150_000, windowMicroseconds: 2_000_000, privileged: false)
    #expect(trigger.text == "some 150000 2000000\n")
  }

  @Test(
    arguments: [
      (1_000_000, 2_500_000, false, "without CAP_SYS_RESOURCE it must be a multiple of 2000000 us"),
      (1, 499_999, true, "must be 500000 to 10000000 us"), (1, 12_000_000, true, "must be 500000 to 10000000 us"),
      (0, 2_000_000, false, "must be 1 us to the window"), (2_000_001, 2_000_000, false, "must be 1 us to the window"),
    ] as [(UInt64, UInt64, Bool, String)])
  func whatTheKernelWouldRefuse(stall: UInt64, window: UInt64, privileged: Bool, reason: String) {
    let error = #expect(throws: CgroupError.self) {
      try PressureTrigger(.full, stallMicroseconds: stall, windowMicroseconds: window, privileged: privileged)
    }
    #expect(error?.description.contains(reason) == true)
  }

  @Test func anyWindowWithTheCapability() throws {
    _ = try PressureTrigger(.full, stallMicroseconds: 100_000, windowMicroseconds: 1_000_000, privileged: true)
  }

  @Test func theCapabilityIsReadFromTheStatus() {
    func read(_ text: String) -> Bool { PressureTrigger.isPrivileged(status: Array(text.utf8)) }
    #expect(read("Name:\tx\nCapEff:\t000001ffffffffff\n"))
    #expect(!read("CapPrm:\t000001ffffffffff\nCapEff:\t000001fffeffffff\n"))
    #expect(!read("CapEff:\tjunk\n"))
    #expect(!read(""))
  }

  @Test func theSystemsPressureCanBeWatchedWithoutTheCapability() throws {
    let trigger = try PressureTrigger(
      .some, stallMicroseconds: 1_900_000, windowMicroseconds: 2_000_000, privileged: false)
    let event = try trigger.watchSystem()
    #expect(event.readiness == .priority)
    #expect(event.descriptor.rawValue >= 0)
  }

  @Test func aVersionWithoutTheEventSaysWhichToUse() throws {
    let trigger = try PressureTrigger(.some, stallMicroseconds: 1, windowMicroseconds: 2_000_000, privileged: false)
    let legacy = try Cgroup("a", in: legacyLayout)
    let unified = try Cgroup("a", in: unifiedLayout)
    #expect(throws: CgroupError.self) { _ = try legacy.watchPressure(trigger) }
    #expect(throws: CgroupError.self) { _ = try unified.watchMemoryUsage(thresholdBytes: 1) }
  }
}
