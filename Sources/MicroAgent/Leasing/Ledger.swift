/// What of a node is promised to whom, and what can still be: the one place that decides whether there is room.
///
/// A lease is a reservation of its whole size, whatever runs in it; containers in it are charged to it. Containers without
/// a lease are the owner's, and are charged to the node. The ledger is made anew from the tables of leases and containers for
/// each question, so it cannot drift from them. What it keeps, in any order of requests:
/// - all memory that is promised is at most what containers may have of the board;
/// - all leases together are at most the offer, and those of one holder at most its share;
/// - what is in a lease is at most the lease.
public struct Ledger: Equatable, Sendable {
  /// What there is.
  public struct Limits: Equatable, Sendable {
    /// What containers may have of the board at all; of memory and containers, the owner may use all of it.
    public var board: Resources
    /// What leases together may take.
    public var offer: Resources
    /// Hundredths of the offer for one holder.
    public var sharePercent: UInt64

    public init(board: Resources, offer: Resources = Resources(), sharePercent: UInt64 = 100) {
      self.board = board
      self.offer = offer
      self.sharePercent = sharePercent
    }

    /// No limit but the number of containers, and no offer.
    public static let none = Limits(
      board: Resources(
        memoryBytes: .max, cpuMillis: .max, diskBytes: .max, processes: .max,
        containers: UInt64(Supervisor.maximumContainers)))
  }

  /// A lease's page.
  public struct Account: Equatable, Sendable {
    public let lease: UInt64
    public let holder: [UInt8]
    public let size: Resources
    /// Whether all of it is set aside. What has ended for good keeps its disk, and the rest only as its containers end.
    public let isWhole: Bool
    /// What its containers take of it.
    public internal(set) var used = Resources()

    /// What is set aside for it.
    public var reserved: Resources {
      var reserved = isWhole ? size : used
      reserved.diskBytes = size.diskBytes
      return reserved
    }
  }

  public let limits: Limits
  public private(set) var accounts: [Account] = []
  /// Of the containers without a lease.
  public private(set) var own = Resources()

  public init(_ limits: Limits) {
    self.limits = limits
  }

  mutating func add(_ account: Account) {
    accounts.append(account)
  }

  /// Charges a container to its lease, or to the node.
  ///
  /// - Parameter holdsPlace: whether it runs or is meant to; one that has ended takes nothing but its number, and what it has
  ///   written.
  mutating func add(_ budget: Budget, lease: UInt64?, holdsPlace: Bool) {
    let charge = holdsPlace ? Resources(of: budget) : Resources(diskBytes: budget.chargedDiskBytes, containers: 1)
    if let lease, let index = accounts.firstIndex(where: { $0.lease == lease }) {
      accounts[index].used = accounts[index].used + charge
    } else {
      own = own + charge
    }
  }

  /// What is set aside for leases.
  public var leased: Resources { accounts.reduce(Resources()) { $0 + $1.reserved } }

  /// What is set aside for everything.
  public var reserved: Resources { leased + own }

  /// What somebody could still lease: it is left of the offer, and of the board.
  public var leasable: Resources {
    var board = limits.board - reserved
    // Of these the owner's containers have limits, but nothing is set aside for them.
    board.cpuMillis = .max
    board.diskBytes = .max
    board.processes = .max
    return .smaller(limits.offer - leased, board)
  }

  // MARK: Decisions

  /// Why there is no room for a lease of this size; nil: there is.
  func lack(of size: Resources, for holder: [UInt8]) -> RequestError? {
    if let lack = size.lack(in: leasable) { return noRoom("lease: \(lack) of what this node offers: ask for less") }
    if Principal.isOwner(holder) { return nil }
    let held = accounts.reduce(Resources()) { $1.holder == holder ? $0 + $1.reserved : $0 }
    guard let lack = size.lack(in: limits.offer.percent(limits.sharePercent) - held) else { return nil }
    return noRoom("lease: \(lack) of what one may hold here (\(limits.sharePercent)%): ask for less, or release one")
  }

  /// Why there is no room for a container; nil: there is.
  ///
  /// - Parameters:
  ///   - existing: its budget until now, whose disk it has, and a number; nil: it does not exist yet.
  ///   - isAtRest: it takes no more than these.
  func lack(of budget: Budget, lease: UInt64?, existing: Budget?, isAtRest: Bool = false) -> RequestError? {
    var asked = Resources(of: budget)
    if let existing { asked = asked - Resources(diskBytes: existing.chargedDiskBytes, containers: 1) }
    if isAtRest { asked = Resources(diskBytes: asked.diskBytes) }
    if let lease { return lackInLease(asked, lease) }
    let left = limits.board - reserved
    if asked.containers > left.containers {
      return noRoom("this node holds \(limits.board.containers) containers, its limit: remove one first")
    }
    if asked.memoryBytes <= left.memoryBytes { return nil }
    let line = "memory budget \(budget.memoryBytes / 1024) KiB: \(left.memoryBytes / 1024) KiB are left of this node's "
    return noRoom(line + "\(limits.board.memoryBytes / 1024) KiB: ask for less, or stop something")
  }

  private func lackInLease(_ asked: Resources, _ lease: UInt64) -> RequestError? {
    guard let account = accounts.first(where: { $0.lease == lease }) else {
      return RequestError(.notFound, "lease \(lease): there is none of that number here")
    }
    guard let lack = asked.lack(in: account.size - account.used) else { return nil }
    let advice = "ask for less (a container costs \(Budget.kernelBytes / 1024) KiB and its log beside its budget)"
    return noRoom("lease \(lease): \(lack) of it: \(advice)")
  }

  private func noRoom(_ line: String) -> RequestError { RequestError(.noRoom, line) }
}
