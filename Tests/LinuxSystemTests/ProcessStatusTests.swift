import CSystem
import Testing

@testable import LinuxSystem

@Suite struct ProcessStatusTests {
  @Test func readsTheFieldsBehindANameWithBlanksAndParentheses() throws {
    let text = "42 (a ) (b) S 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 1 2 3"
    let status = try #require(ProcessStatus(process: 42, stat: Array(text.utf8)))
    #expect(status.parent == 7)
    #expect(status.hasExecuted)
    #expect(status.startTicks == 987_654)
    #expect(!status.isZombie)
  }

  @Test(arguments: ["", "42", "42 (x", "42 )x( S 1", "42 (x) S", "42 (x) S 1 2 3"])
  func refusesTextThatIsCutOff(_ text: String) {
    #expect(ProcessStatus(process: 42, stat: Array(text.utf8)) == nil)
  }

  @Test func tellsACopyOfItsParentFromAProgram() throws {
    let text = "42 (microagentd) Z 7 42 42 0 -1 4194624 1 0 0 0 0 0 0 0 20 0 1 0 987654 1 2 3"
    #expect(try #require(ProcessStatus(process: 42, stat: Array(text.utf8))).hasExecuted == false)
  }

  /// The kernel's word for it, alive and ended.
  @Test func aForkedProcessHasNotExecuted() throws {
    var hold: [CInt] = [-1, -1]
    try check(system_pipe(&hold, 0), "make a pipe")
    let child = try check(system_fork(), "fork")
    if child == 0 {
      var byte: UInt8 = 0
      _ = system_close(hold[1])
      _ = system_read(hold[0], &byte, 1)
      system_exit(0)
    }
    #expect(ProcessStatus(of: child)?.hasExecuted == false)
    for end in hold { _ = system_close(end) }
    var status = system_exit_status()
    while system_wait(child, 1, &status) == 0, status.process == 0 { usleep(1000) }
    let ended = try #require(ProcessStatus(of: child))
    #expect(ended.isZombie && !ended.hasExecuted)
    _ = system_wait(child, 0, &status)
  }

  @Test func knowsThisProcess() throws {
    let status = try #require(ProcessStatus(of: system_self()))
    #expect(status.parent == system_parent())
    #expect(status.hasExecuted)
    #expect(ProcessStatus.program(of: "self")! == ProcessStatus.program(of: "\(system_self())")!)
    #expect(ProcessStatus.bootID().utf8.count == 36)
  }
}
