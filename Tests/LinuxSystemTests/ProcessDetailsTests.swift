import CSystem
import Testing

@testable import LinuxSystem

@Suite struct ProcessDetailsTests {
  private static let stat = "42 (a ) (b) S 7 42 42 0 -1 4194560 1 0 0 0 5 7 0 0 20 0 1 0 987654 1 3 4"
  private static let status = "Name:\ta\nUid:\t100033\t0\t0\t0\nNSpid:\t42\t7\nVmRSS:\t12 kB\n"

  @Test func readsWhatTheKernelTells() throws {
    let details = try #require(ProcessDetails(stat: Array(Self.stat.utf8), status: Array(Self.status.utf8)))
    #expect(details.name == "a ) (b" && details.state == "S")
    #expect(details.cpuNanoseconds == 120_000_000 && details.memoryBytes == 12288)
    #expect(details.user == 100_033 && details.innermost == 7)
  }

  @Test(arguments: ["", "42", "42 (x", "42 )x( S 1", "42 (x) S 1 2 3"])
  func refusesTextThatIsCutOff(_ text: String) {
    #expect(ProcessDetails(stat: Array(text.utf8), status: []) == nil)
  }

  @Test func thisProcess() throws {
    let details = try #require(ProcessDetails(of: system_self()))
    #expect(details.memoryBytes > 0 && details.state.utf8.count == 1 && details.user == getuid())
    #expect(ProcessDetails(of: Int32.max) == nil)
  }
}
