import Microcloud

/// What a node gives to all, on what terms, and what it can do: what somebody must know who looks for a place.
public struct Offer: Equatable, Sendable {
  /// What leases together may take.
  public var amount: Resources
  public var policy: LeasePolicy
  public var abilities: NodeAbilities
  /// Where the node stands, in the community's own words; empty: not said.
  public var zone: String
  /// The number of the node in Guifi's directory; 0: not said.
  public var guifiNode: UInt64
  /// How its owner is reached; empty: not said.
  public var contact: String

  /// The offer that the settings make of a board.
  ///
  /// - Parameter board: what containers may have of it at all.
  public init(_ settings: OfferSettings, of board: Resources, standing: NodeStanding, abilities: NodeAbilities) {
    amount = Resources(
      memoryBytes: settings.memory.amount(of: board.memoryBytes),
      cpuMillis: Resources.percent(settings.cpuPercent, of: board.cpuMillis),
      diskBytes: settings.disk.amount(of: board.diskBytes), processes: settings.processes,
      containers: min(settings.containers, board.containers))
    policy = settings.policy
    // A board that nobody answers for does nothing for others.
    if standing == .unclaimed { policy.lessees = .nobody }
    self.abilities = abilities
    zone = settings.zone
    guifiNode = settings.guifiNode
    contact = settings.contact
  }
}

/// What the machine can do that not every machine can.
public struct NodeAbilities: Equatable, Sendable {
  /// The instructions that programs may use, by the target's name.
  public var instructionSet = Version.instructionSet
  /// `v1` or `v2`.
  public var cgroupVersion = ""
  public var hasUserNamespaces = false
  /// Containers may write above a root file system that others share.
  public var hasOverlay = false
  /// Tells how long programs wait for memory, processor and disk (PSI).
  public var hasPressure = false
  /// Containers write no more to the disk than they may, whatever they do.
  public var keepsDiskBudgets = false

  public init() {}

  /// Those that are there, by name.
  public var names: [String] {
    var names: [String] = []
    if hasUserNamespaces { names.append("user-namespaces") }
    if hasOverlay { names.append("overlay") }
    if hasPressure { names.append("pressure") }
    if keepsDiskBudgets { names.append("disk-budgets") }
    return names
  }
}
