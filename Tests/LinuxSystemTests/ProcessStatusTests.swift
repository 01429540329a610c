import CSystem
import Testing

@testable import LinuxSystem

@Suite struct ProcessStatusTests {
  @Test func readsTheFieldsBehindANameWithBlanksAndParentheses() throws {
    let text = "42 (a ) (b) S 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 1 2 3"
    let status = try #require(ProcessStatus(process: 42, stat: Array(text.utf8)))
    #expect(status.name == "a ) (b")
    #expect(status.parent == 7)
    #expect(status.startTicks == 987_654)
    #expect(!status.isZombie)
  }

  @Test(arguments: ["", "42", "42 (x", "42 )x( S 1", "42 (x) S", "42 (x) S 1 2 3"])
  func refusesTextThatIsCutOff(_ text: String) {
    #expect(ProcessStatus(process: 42, stat: Array(text.utf8)) == nil)
  }

  @Test func knowsThisProcess() throws {
    let status = try #require(ProcessStatus(of: system_self()))
    #expect(status.parent == system_parent())
    #expect(ProcessStatus.program(of: "self")! == ProcessStatus.program(of: "\(system_self())")!)
    #expect(ProcessStatus.bootID().utf8.count == 36)
  }
}
