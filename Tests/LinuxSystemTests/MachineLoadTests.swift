import LinuxSystem
import Testing

struct MachineLoadTests {
  /// As this machine's kernel tells it.
  @Test func theKernelsNumbersAreRead() throws {
    #expect(MachineLoad.averageThousandths() != nil)
    let before = try #require(MachineLoad.busyMilliseconds())
    var sum: UInt64 = 0
    // A processor that works is seen to.
    while MachineLoad.busyMilliseconds() ?? 0 <= before { for number in 0..<100_000 { sum &+= UInt64(number) } }
    #expect(sum > 0)
  }
}
