import Basics
import Microcloud

/// How often a board was started, and how its last boots and agents ended: what is asked first when nobody was there.
///
/// It is one small item in the store, written once a boot, once at a wanted end, and for each death of an agent, of which not
/// more than `maximumPerBoot` are noted.
public struct ResetHistory: Equatable, Sendable {
  /// Why a boot or an agent ended.
  public enum Cause: Equatable, Sendable {
    /// The board's own watchdog reset it.
    case watchdog
    /// The system ended the agent, as it does before it restarts.
    case wanted
    /// The power went, or the kernel died.
    case noWarning
    case agentKilled(signal: UInt64)
    case agentEnded(code: UInt64)
    /// Agent and keeper were both gone.
    case agentGone

    var text: String {
      switch self {
      case .watchdog: "watchdog"
      case .wanted: "wanted"
      case .noWarning: "without warning"
      case .agentKilled(let signal): "agent: signal \(signal)"
      case .agentEnded(let code): "agent: exit code \(code)"
      case .agentGone: "agent: gone with its keeper"
      }
    }
  }

  /// How an agent's predecessor ended, as their keeper saw it.
  public struct AgentEnd: Equatable, Sendable {
    public let cause: Cause
    public let uptimeSeconds: UInt64

    public init(_ cause: Cause, uptimeSeconds: UInt64) {
      self.cause = cause
      self.uptimeSeconds = uptimeSeconds
    }
  }

  struct Entry: Equatable {
    /// Of the boot that ended, or in which the agent died.
    var boot: UInt64
    var reason: String
    /// How long it had run; nil: nobody knows.
    var uptimeSeconds: UInt64?
    /// When it was noted, by the board's clock, which many boards have to be told first.
    var atSeconds: UInt64
  }

  public static let maximumEntries = 32
  /// Deaths of agents; flash wears.
  public static let maximumPerBoot = 8

  public private(set) var boots: UInt64 = 0
  /// Which boot is counted last, as the kernel names it; empty: none.
  private var bootID = ""
  /// The uptime at which the agent was ended on request; nil: it was not.
  private var wantedEnd: UInt64?
  /// The oldest first.
  private(set) var entries: [Entry] = []

  public init() {}

  /// Why the boot before this one, or the agent, ended last.
  public var lastReason: String? { entries.last?.reason }

  /// An agent has started. Returns whether there is something new to keep.
  ///
  /// - Parameters:
  ///   - wasWatchdog: the board's hardware says that its watchdog reset it.
  ///   - before: the agent before this one under the same keeper; nil: this is its first.
  public mutating func start(boot: String, wasWatchdog: Bool, before: AgentEnd?, atSeconds: UInt64) -> Bool {
    defer { wantedEnd = nil }
    if boot != bootID {
      // A watchdog's word is the hardware's: a system may hang while it ends.
      let cause: Cause = wasWatchdog ? .watchdog : wantedEnd != nil ? .wanted : .noWarning
      if boots > 0 { add(cause, uptimeSeconds: wasWatchdog ? nil : wantedEnd, atSeconds) }
      boots += 1
      bootID = boot
      return true
    }
    if wantedEnd != nil { return true }
    if entries.count(where: { $0.boot == boots }) >= Self.maximumPerBoot { return false }
    add(before?.cause ?? .agentGone, uptimeSeconds: before?.uptimeSeconds, atSeconds)
    return true
  }

  /// The agent ends, and was asked to.
  public mutating func end(uptimeSeconds: UInt64) {
    wantedEnd = uptimeSeconds
  }

  private mutating func add(_ cause: Cause, uptimeSeconds: UInt64?, _ atSeconds: UInt64) {
    entries.append(Entry(boot: boots, reason: cause.text, uptimeSeconds: uptimeSeconds, atSeconds: atSeconds))
    if entries.count > Self.maximumEntries { entries.removeFirst() }
  }

  // MARK: As CBOR, to clients and on the disk

  /// For clients.
  public var value: CBORValue { .map(map) }

  private var map: CBORMap {
    var map = CBORMap()
    map[.boots] = .unsigned(boots)
    map[.resets] = .array(entries.map { $0.value })
    return map
  }

  /// For the disk.
  public var encoded: [UInt8] {
    var map = map
    map[.name] = .text(bootID)
    if let wantedEnd { map[.uptimeSeconds] = .unsigned(wantedEnd) }
    return CBORValue.map(map).encoded
  }

  /// Goes on with what is on the disk; with nothing where that is no history.
  public init(encoded bytes: [UInt8]) {
    guard let value = try? CBORDecoder.decode(bytes), let boots = value[.boots]?.unsignedValue,
      let bootID = value[.name]?.textValue, let kept = value[.resets]?.arrayValue
    else { return }
    self.boots = boots
    self.bootID = bootID
    wantedEnd = value[.uptimeSeconds]?.unsignedValue
    entries = kept.suffix(Self.maximumEntries).compactMap { Entry($0) }
  }
}

extension ResetHistory.Entry {
  var value: CBORValue {
    var map = CBORMap()
    map[.number] = .unsigned(boot)
    map[.reason] = .text(reason)
    if let uptimeSeconds { map[.uptimeSeconds] = .unsigned(uptimeSeconds) }
    map[.atSeconds] = .unsigned(atSeconds)
    return .map(map)
  }

  init?(_ value: CBORValue) {
    guard let boot = value[.number]?.unsignedValue, let reason = value[.reason]?.textValue,
      let atSeconds = value[.atSeconds]?.unsignedValue
    else { return nil }
    self.boot = boot
    self.reason = reason
    self.atSeconds = atSeconds
    uptimeSeconds = value[.uptimeSeconds]?.unsignedValue
  }
}
