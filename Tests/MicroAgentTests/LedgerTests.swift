import Testing

@testable import MicroAgent

@Suite struct LedgerTests {
  private static let holder = [UInt8](repeating: 7, count: 32)
  private static let limits = Ledger.Limits(
    board: Resources(memoryBytes: 100 << 20, cpuMillis: 1000, diskBytes: 1000, processes: 999, containers: 20),
    offer: Resources(memoryBytes: 50 << 20, cpuMillis: 500, diskBytes: 500, processes: 100, containers: 10),
    sharePercent: 50)

  private func size(_ mebibytes: UInt64, _ change: (inout Resources) -> Void = { _ in }) -> Resources {
    var size = Resources(memoryBytes: mebibytes << 20, cpuMillis: 50, processes: 10, containers: 2)
    change(&size)
    return size
  }

  private func budget(_ mebibytes: UInt64) -> Budget {
    var budget = Budget()
    budget.memoryBytes = mebibytes << 20
    budget.cpuMillis = 20
    budget.processes = 2
    return budget
  }

  private func account(_ lease: UInt64, _ size: Resources, isWhole: Bool = true, holder: [UInt8] = holder)
    -> Ledger.Account
  {
    Ledger.Account(lease: lease, holder: holder, size: size, isWhole: isWhole)
  }

  @Test func aLeaseFitsIntoTheOfferAndTheShare() {
    var ledger = Ledger(Self.limits)
    #expect(ledger.lack(of: size(25), for: Self.holder) == nil)
    #expect(
      ledger.lack(of: size(26), for: Self.holder)?.description
        == "lease: memory: 26624 KiB asked for, 25600 KiB left of what one may hold here (50%): ask for less, or release one"
    )
    #expect(ledger.lack(of: size(50), for: Principal.owner.holder) == nil, "the owner has no share")
    ledger.add(account(1, size(25)))
    #expect(ledger.lack(of: size(1), for: Self.holder)?.kind == .noRoom)
    #expect(ledger.lack(of: size(25), for: [UInt8](repeating: 8, count: 32)) == nil)
    ledger.add(account(2, size(25), holder: [UInt8](repeating: 8, count: 32)))
    #expect(ledger.leased.memoryBytes == 50 << 20)
    #expect(
      ledger.lack(of: size(1), for: Principal.owner.holder)?.description
        == "lease: memory: 1024 KiB asked for, 0 KiB left of what this node offers: ask for less")
  }

  @Test func eachOfThemHasALimit() {
    let cases: [((inout Resources) -> Void, String)] = [
      ({ $0.cpuMillis = 501 }, "cpu: 501 thousandths of a core asked for, 500 thousandths of a core left"),
      ({ $0.diskBytes = 2048 }, "disk: 2 KiB asked for, 0 KiB left"),
      ({ $0.processes = 101 }, "processes: 101 asked for, 100 left"),
      ({ $0.containers = 11 }, "containers: 11 asked for, 10 left"),
    ]
    for (change, told) in cases {
      let lack = Ledger(Self.limits).lack(of: size(1, change), for: Principal.owner.holder)
      #expect(lack?.description.contains(told) ?? false, "\(lack?.description ?? "")")
    }
  }

  @Test func theOwnerUsesWhatIsNotLeasedAndLeasesWhatIsNotUsed() {
    var ledger = Ledger(Self.limits)
    ledger.add(budget(80), lease: nil, holdsPlace: true)
    let around = Budget.kernelBytes + Budget().logBytes
    #expect(ledger.leasable.memoryBytes == (20 << 20) - around)
    #expect(ledger.lack(of: size(20), for: Self.holder)?.kind == .noRoom)
    #expect(ledger.lack(of: size(19), for: Self.holder) == nil)
    ledger.add(account(1, size(19)))
    #expect(
      ledger.lack(of: budget(1), lease: nil, existing: nil)?.description
        == "memory budget 1024 KiB: 720 KiB are left of this node's 102400 KiB: ask for less, or stop something")
    #expect(ledger.reserved.memoryBytes == (99 << 20) + around)
  }

  @Test func aContainerInALeaseIsChargedToIt() {
    var ledger = Ledger(Self.limits)
    ledger.add(account(1, size(10)))
    #expect(
      ledger.lack(of: budget(10), lease: 1, existing: nil)?.description
        == "lease 1: memory: 10544 KiB asked for, 10240 KiB left of it: "
        + "ask for less (a container costs 240 KiB and its log beside its budget)")
    #expect(ledger.lack(of: budget(9), lease: 1, existing: nil) == nil)
    ledger.add(budget(9), lease: 1, holdsPlace: true)
    #expect(ledger.reserved.memoryBytes == 10 << 20, "it is part of the lease")
    #expect(ledger.lack(of: budget(1), lease: 1, existing: nil)?.kind == .noRoom)
    #expect(ledger.lack(of: budget(1), lease: 2, existing: nil)?.kind == .notFound)
  }

  @Test func whatHasEndedKeepsItsNumberOnly() {
    var ledger = Ledger(Self.limits)
    ledger.add(account(1, size(10)))
    ledger.add(budget(9), lease: 1, holdsPlace: false)
    ledger.add(budget(9), lease: 1, holdsPlace: false)
    #expect(ledger.accounts[0].used == Resources(containers: 2))
    #expect(ledger.lack(of: budget(1), lease: 1, existing: nil)?.kind == .noRoom)
    #expect(ledger.lack(of: budget(1), lease: 1, existing: budget(1)) == nil, "one of the two starts again")
  }

  @Test func whatHasEndedKeepsItsDisk() {
    var ledger = Ledger(Self.limits)
    ledger.add(account(1, size(20) { $0.diskBytes = 8 << 20 }))
    var budget = budget(1)
    budget.diskBytes = 6 << 20
    #expect(ledger.lack(of: budget, lease: 1, existing: nil) == nil)
    ledger.add(budget, lease: 1, holdsPlace: false)
    #expect(ledger.accounts[0].used == Resources(diskBytes: 5 << 20, containers: 1), "1 MiB goes with each")
    #expect(
      ledger.lack(of: budget, lease: 1, existing: nil)?.description
        .hasPrefix("lease 1: disk: 5120 KiB asked for, 3072 KiB left of it") ?? false)
    #expect(ledger.lack(of: budget, lease: 1, existing: budget) == nil, "it starts again")
    var larger = budget
    larger.diskBytes = 9 << 20
    #expect(ledger.lack(of: larger, lease: 1, existing: budget, isAtRest: true) == nil)
    larger.diskBytes = 10 << 20
    #expect(ledger.lack(of: larger, lease: 1, existing: budget, isAtRest: true)?.kind == .noRoom)
  }

  @Test func aLeaseThatIsOverKeepsItsDiskAndWhatStillRunsInIt() {
    var ledger = Ledger(Self.limits)
    ledger.add(account(1, size(20) { $0.diskBytes = 400 }, isWhole: false))
    ledger.add(budget(5), lease: 1, holdsPlace: true)
    #expect(ledger.leased.memoryBytes == budget(5).reservedBytes)
    #expect(ledger.leased.diskBytes == 400)
  }

  @Test func theNumberOfContainersIsLimited() {
    var ledger = Ledger(Self.limits)
    ledger.add(account(1, size(10) { $0.containers = 10 }))
    for _ in 0..<10 {
      #expect(ledger.lack(of: budget(1), lease: nil, existing: nil) == nil)
      ledger.add(budget(1), lease: nil, holdsPlace: false)
    }
    #expect(
      ledger.lack(of: budget(1), lease: nil, existing: nil)?.description
        == "this node holds 20 containers, its limit: remove one first")
  }

  @Test func sumsStopAtTheLargestNumber() {
    let most = Resources(memoryBytes: .max)
    #expect((most + most).memoryBytes == .max)
    #expect((Resources() - most).memoryBytes == 0)
    #expect(Resources.percent(100, of: .max) == .max)
    #expect(Resources.percent(50, of: 7) == 3)
  }
}
