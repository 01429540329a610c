import Basics
import ContainerRunner
import Foundation
import LinuxSystem
import Testing

/// Containers that really run: these need root, as the agent does.
@Suite(.serialized) struct LiveTests {
  @Test func busyboxSeesARootOfItsOwn() throws {
    let sandbox = try Sandbox()
    let outcome = try Live.run(sandbox.spec(["sh", "-c", "id; hostname; echo $$; cat /etc/layer"]))
    #expect(outcome.failure == nil)
    #expect(outcome.lines == ["uid=0 gid=0", "box", "1", "lower"])
    #expect(outcome.exitCode == 0)
  }
}
