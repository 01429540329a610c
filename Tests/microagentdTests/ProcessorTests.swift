import Microcloud
import Testing

@testable import microagentd

@Suite struct ProcessorTests {
  /// /proc/cpuinfo of the boards, as far as it says what they can run.
  @Test(
    arguments: [
      ("processor\t: 0\nflags\t\t: fpu vme pse tsc msr pae cx8 apic pge pbe nx smep cpuid\n", ISALevel.i586NoLock),
      ("flags\t\t: fpu de pse tsc msr cx8 sep pge cmov clflush mmx mmxext 3dnowext 3dnow cpuid\n", .geode),
      ("flags\t\t: fpu cmov pat clflush mmx fxsr sse sse2 ss ht nx lm ssse3\nbugs\t\t:\n", .i686SSE2),
      ("flags\t\t: fpu cmov\n", .i586NoLock),
      ("Processor\t: ARMv7\n", nil),
      ("", nil),
    ] as [(String, ISALevel?)])
  func flagsTell(_ text: String, _ level: ISALevel?) {
    #expect(Processor.level(isKernel64: false, cpuinfo: Array(text.utf8)) == level)
    #expect(Processor.level(isKernel64: true, cpuinfo: Array(text.utf8)) == .amd64)
  }
}
