import Basics
import Microcloud
import Testing

@testable import MicroAgent

@Suite struct SupervisorUpdateTests {
  private static let mebibyte: UInt64 = 1 << 20

  /// On a board with room for 64 MiB, a container of 16 MiB that has come as far as this phase.
  private func bench(at phase: Container.Phase, _ change: (inout ContainerRequest) -> Void = { _ in })
    -> SupervisorBench
  {
    var bench = SupervisorBench.at(phase, plainRequest("dns", change))
    let board = Resources(
      memoryBytes: 64 * Self.mebibyte, cpuMillis: 1000, diskBytes: 0, processes: 1000, containers: 8)
    bench.supervisor.set(limits: Ledger.Limits(board: board), policy: LeasePolicy())
    return bench
  }

  private func update(
    _ bench: inout SupervisorBench, mebibytes: UInt64? = nil, cpu: UInt64? = nil, restart: String? = nil,
    token: UInt64 = 7
  ) -> [Effect] {
    var map = CBORMap()
    map[.memoryBytes] = mebibytes.map { .unsigned($0 * Self.mebibyte) }
    map[.cpuMillis] = cpu.map { .unsigned($0) }
    map[.restart] = restart.map { .text($0) }
    let change = try! ContainerChange(.map(map))
    return bench.supervisor.update(named: "dns", change, token: token)
  }

  private func reservedMebibytes(_ bench: SupervisorBench) -> UInt64 {
    bench.supervisor.ledger.reserved.memoryBytes / Self.mebibyte
  }

  /// Found by fuzzing: nobody answered who had started it meanwhile.
  @Test func whoStartsItWhileItsChangeIsRecordedIsAnsweredByItsRestart() {
    var bench = bench(at: .waiting)
    _ = update(&bench, mebibytes: 32)
    #expect(bench.start() == [])
    #expect(bench.tick() == [.launch(id: 1)])
    _ = bench.tellLaunched()
    _ = bench.tellSaved()
    #expect(bench.tell(.started).contains(.done(2)))
  }

  @Test func moreIsRecordedAndThenGiven() {
    var bench = bench(at: .running)
    #expect(update(&bench, mebibytes: 32) == [.save(id: 1, revision: 3), .changed(id: 1)])
    #expect(bench.supervisor.isSaveUrgent(id: 1))
    #expect(bench.container()?.request.budget.memoryBytes == 32 * Self.mebibyte)
    #expect(bench.tellSaved() == [.limit(id: 1), .done(7)])
    #expect(reservedMebibytes(bench) == 32)
    #expect(update(&bench, mebibytes: 32) == [.done(7)], "it is so already")
  }

  @Test func theDiskOfWhatRunsIsRecordedAndThenGiven() throws {
    var bench = bench(at: .running) { $0.budget.diskBytes = 2 << 20 }
    let change = try ContainerChange(.map([.diskBytes: 1_048_576]))
    #expect(
      bench.supervisor.update(named: "dns", change, token: 7) == [.save(id: 1, revision: 3), .changed(id: 1)])
    #expect(bench.tellSaved() == [.limit(id: 1), .done(7)])
    #expect(bench.container()?.request.budget.diskBytes == 1 << 20)
  }

  @Test func lessIsTakenFirstAndThenRecorded() {
    var bench = bench(at: .running)
    #expect(update(&bench, mebibytes: 4, cpu: 500) == [.shrink(id: 1, memoryBytes: 4 * Self.mebibyte)])
    #expect(bench.container()?.request.budget.memoryBytes == 16 * Self.mebibyte)
    #expect(bench.tell(.shrunk) == [.save(id: 1, revision: 3), .changed(id: 1)])
    #expect(reservedMebibytes(bench) == 16, "until that is durable, a new agent would give it back")
    #expect(bench.tellSaved() == [.limit(id: 1), .done(7)])
    #expect(reservedMebibytes(bench) == 4)
    #expect(bench.container()?.request.budget.cpuMillis == 500)
  }

  @Test func whatTheKernelRefusesLeavesAllAsItWas() {
    var bench = bench(at: .running)
    let before = bench.container()
    _ = update(&bench, mebibytes: 4, cpu: 500)
    #expect(refusalKind(bench.tell(.shrinkFailed("it uses more"))) == .conflict)
    #expect(bench.container() == before && reservedMebibytes(bench) == 16)
    #expect(update(&bench, cpu: 400) == [.save(id: 1, revision: 3), .changed(id: 1)], "the next may come")
  }

  @Test func thereIsNoMoreThanTheBoardHas() {
    var bench = bench(at: .running)
    #expect(refusalKind(update(&bench, mebibytes: 64)) == .noRoom)
    #expect(update(&bench, mebibytes: 63).count == 2, "its own budget is not in its way")
    #expect(reservedMebibytes(bench) == 63)
  }

  @Test func lessIsPossibleAlsoWhereTooMuchIsPromised() {
    var bench = bench(at: .running)
    bench.supervisor.set(limits: Ledger.Limits(board: Resources(memoryBytes: 1, containers: 1)), policy: LeasePolicy())
    #expect(update(&bench, mebibytes: 8) == [.shrink(id: 1, memoryBytes: 8 * Self.mebibyte)])
    _ = bench.tell(.shrinkFailed(""))
    #expect(refusalKind(update(&bench, mebibytes: 17)) == .noRoom)
  }

  @Test func whatCannotBeMeantIsRefused() {
    var bench = bench(at: .running)
    #expect(refusalKind(update(&bench, mebibytes: 0)) == .invalid)
    #expect(refusalKind(update(&bench, cpu: 1)) == .invalid)
    let change = try! ContainerChange(.map([.cpuMillis: 500]))
    #expect(refusalKind(bench.supervisor.update(named: "none", change, token: 1)) == .notFound)
  }

  @Test func oneAtATime() {
    var bench = bench(at: .running)
    _ = update(&bench, mebibytes: 32)
    #expect(refusalKind(update(&bench, cpu: 500, token: 8)) == .conflict)
  }

  @Test(arguments: [Container.Phase.created, .starting, .stopping, .removing])
  func whatComesOrGoesIsWaitedFor(_ phase: Container.Phase) {
    var bench = bench(at: phase)
    #expect(refusalKind(update(&bench, cpu: 500)) == .conflict)
  }

  @Test func ofOneThatHasEndedTheRecordAloneChanges() {
    var bench = bench(at: .ended)
    #expect(update(&bench, mebibytes: 100).count == 2, "it takes no place")
    #expect(bench.tellSaved() == [.done(7)])
    #expect(refusalKind(bench.start()) == .noRoom, "before it is started there must be one")
    #expect(update(&bench, mebibytes: 8).count == 2)
    _ = bench.tellSaved()
    #expect(bench.start() == [.launch(id: 1)])
  }

  @Test func oneThatEndsMeanwhileHasTheNewBudgetWhenItStartsAgain() {
    var bench = bench(at: .running) { $0.restart = .always }
    _ = update(&bench, mebibytes: 4)
    _ = bench.tell(.ended(.exited(code: 1)))
    #expect(bench.tell(.shrunk) == [], "it is over")
    #expect(bench.container()?.request.budget.memoryBytes == 4 * Self.mebibyte)
    #expect(bench.tellSaved() == [.done(7), .putAway(id: 1)])
    _ = bench.tell(.wasPutAway)
    #expect(bench.tick() == [.launch(id: 1)])
  }

  @Test func anotherPolicyCountsFromTheNextEndOn() {
    var bench = bench(at: .running) { $0.restart = .always }
    _ = update(&bench, restart: "no")
    _ = bench.tellSaved()
    bench.bringDown(.exited(code: 1))
    #expect(bench.phase() == .ended)
  }

  /// A full disk: the save is tried again for as long as somebody waits.
  @Test func aSaveThatFailsIsTriedAgain() {
    var bench = bench(at: .running)
    _ = update(&bench, mebibytes: 32)
    #expect(bench.supervisor.awaitsSave(id: 1, revision: 3))
    #expect(bench.tellSaved() == [.limit(id: 1), .done(7)])
    #expect(!bench.supervisor.awaitsSave(id: 1, revision: 3))
  }
}
