import Basics
import Microcloud
import Testing

@testable import MicroAgent

@Suite struct DiskBudgetTests {
  private static let mebibyte: UInt64 = 1 << 20

  private func given(_ change: (inout ContainerRequest) -> Void = { _ in }) -> UInt64? {
    var supervisor = Supervisor(nextID: 1, wallSeconds: { 0 })
    _ = supervisor.run(plainRequest("dns", change), token: 1, now: Instant(nanoseconds: 0))
    return supervisor.container(named: "dns")?.request.budget.diskBytes
  }

  @Test func whoSaysNothingGetsTheUsual() {
    #expect(given() == Budget.standardDiskBytes)
    #expect(given { $0.budget.diskBytes = 5 << 20 } == 5 << 20)
    #expect(given { $0.readOnlyRoot = true } == 0)
  }

  @Test func whatCannotBeMeantIsRefused() {
    func problem(_ change: (inout ContainerRequest) -> Void) -> String? { plainRequest("dns", change).problem }
    #expect(problem { $0.budget.diskBytes = 1024 } == "disk budget 1 KiB: give at least 1024 KiB")
    #expect(problem { $0.budget.diskBytes = (1 << 50) + 1 } == "disk budget: at most 1024 TiB")
    #expect(
      problem {
        $0.readOnlyRoot = true
        $0.budget.diskBytes = 5 << 20
      } == "disk budget: nothing is written to a read-only root: leave one of them out")
    #expect(problem { $0.budget.diskBytes = Budget.leastDiskBytes } == nil)
  }

  @Test func itTravels() throws {
    let request = plainRequest("dns") { $0.budget.diskBytes = 5 << 20 }
    #expect(try ContainerRequest(request.value) == request)
  }

  @Test func filesGoWithBytes() {
    var budget = Budget()
    budget.diskBytes = Budget.standardDiskBytes
    #expect(budget.files == 4352)
    budget.diskBytes = .max
    #expect(budget.files > 4352)
  }
}
