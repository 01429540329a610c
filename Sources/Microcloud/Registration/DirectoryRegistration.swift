import Basics

/// The node's entry in a CoRE Resource Directory (RFC 9176): found, made, kept, and taken back. It decides when what is asked
/// of whom; who carries that out tells what came of it.
public struct DirectoryRegistration: Sendable {
  /// Where directories are looked for.
  public enum Place: Equatable, Sendable {
    /// On the link: whoever is a directory answers (section 4.1).
    case anywhere
    case at(SocketAddress)
  }

  /// What is to be asked.
  public enum Effect: Equatable, Sendable {
    /// GET `/.well-known/core?rt=core.rd*`, of the group of all CoAP nodes or of one.
    case find(Place)
    /// POST the node's links to this path.
    case register([String], at: SocketAddress)
    /// POST nothing to the entry, which keeps it.
    case refresh([String], at: SocketAddress)
    /// DELETE the entry.
    case remove([String], at: SocketAddress)
  }

  /// What came of a question.
  public enum Answer: Equatable, Sendable {
    /// Where the entry is.
    case created([String])
    case done
    /// It is not there any more.
    case notFound
    /// Anything else, or nothing.
    case failed
  }

  public enum State: Equatable, Sendable {
    /// Nobody is asked before this.
    case waiting(until: Instant)
    case finding
    case registering([String], at: SocketAddress)
    case registered([String], at: SocketAddress, refreshAt: Instant)
    case refreshing([String], at: SocketAddress)
    case left
  }

  /// How long a directory keeps the entry of a node that is gone (`lt`).
  public static let lifetimeSeconds: UInt64 = 3600
  /// The entry is kept when so much of its time is over: then there is time for some more attempts.
  static let refreshMilliseconds: UInt64 = lifetimeSeconds * 1000 / 2
  /// Who did not answer is asked again after this, and then after twice the time…
  static let retryMilliseconds: UInt64 = 60_000
  /// …up to this, which is also how often a directory is looked for where none is.
  static let longestRetryMilliseconds: UInt64 = 3_600_000
  /// How long answers to a multicast question may take.
  static let findMilliseconds: UInt64 = 10_000
  /// The type of a directory's resource.
  private static let type = "rt=core.rd"

  private let place: Place
  private var random: SeededRandom
  public private(set) var state: State
  private var failures: UInt64 = 0
  /// When what was asked has come to nothing.
  private var deadline: Instant?

  /// - Parameter firstMilliseconds: how long nobody is asked, so that the network is there by then.
  public init(_ place: Place, seed: UInt64, firstMilliseconds: UInt64 = 5000, now: Instant) {
    self.place = place
    random = SeededRandom(seed: seed)
    state = .waiting(until: now.advanced(milliseconds: firstMilliseconds))
  }

  /// When `tick` must next be called; nil: not before something else happens.
  public var nextDeadline: Instant? {
    switch state {
    case .waiting(let until): until
    case .registered(_, _, let refreshAt): refreshAt
    case .finding: deadline
    case .registering, .refreshing, .left: nil
    }
  }

  public mutating func tick(now: Instant) -> [Effect] {
    guard let due = nextDeadline, due <= now else { return [] }
    switch state {
    case .waiting:
      state = .finding
      deadline = now.advanced(milliseconds: Self.findMilliseconds)
      return [.find(place)]
    case .finding:
      retry(now)
      return []
    case .registered(let path, let address, _):
      state = .refreshing(path, at: address)
      return [.refresh(path, at: address)]
    case .registering, .refreshing, .left: return []
    }
  }

  /// Links that somebody answered with who was asked for a directory. The first one that is one is taken.
  public mutating func found(_ links: [UInt8], from source: SocketAddress) -> [Effect] {
    guard case .finding = state else { return [] }
    if case .at(let address) = place, address != source { return [] }
    guard let path = Self.path(in: links) else { return [] }
    state = .registering(path, at: source)
    return [.register(path, at: source)]
  }

  /// The path of a directory in a list of links: one of another host is none of this one's.
  static func path(in links: [UInt8]) -> [String]? {
    let found: [CoRELink]
    do throws(CoRELinkError) { found = try CoRELink.decode(links) } catch { return nil }
    guard let target = found.first(where: { $0.matches(type) })?.target, target.utf8.first == UInt8(ascii: "/")
    else { return nil }
    return ASCII.split(Array(target.utf8.dropFirst())[...], at: UInt8(ascii: "/")).map { ASCII.string($0) }
  }

  /// What came of `register` or `refresh`, or of a `find` of one directory that did not answer.
  public mutating func answered(_ answer: Answer, now: Instant) -> [Effect] {
    switch (state, answer) {
    case (.registering(_, let address), .created(let path)): registered(path, address, now)
    case (.refreshing(let path, let address), .done): registered(path, address, now)
    case (.registering, _), (.refreshing, .failed), (.finding, .failed): retry(now)
    // It has forgotten us, as it was started anew perhaps: it is looked for at once.
    case (.refreshing, _): state = .waiting(until: now)
    case (.waiting, _), (.finding, _), (.registered, _), (.left, _): break
    }
    return tick(now: now)
  }

  /// What the directory has of the node is not so any more: its name, its microcloud or its address.
  public mutating func changed(now: Instant) -> [Effect] {
    guard case .registered(let path, let address, _) = state else { return [] }
    state = .waiting(until: now)
    return [.remove(path, at: address)] + tick(now: now)
  }

  /// The node goes: so does its entry.
  public mutating func leave() -> [Effect] {
    defer { state = .left }
    switch state {
    case .registered(let path, let address, _), .refreshing(let path, let address):
      return [.remove(path, at: address)]
    default: return []
    }
  }

  private mutating func registered(_ path: [String], _ address: SocketAddress, _ now: Instant) {
    failures = 0
    state = .registered(path, at: address, refreshAt: now.advanced(milliseconds: Self.refreshMilliseconds))
  }

  /// Later, and not when all others do.
  private mutating func retry(_ now: Instant) {
    let wait = min(Self.retryMilliseconds << min(failures, 6), Self.longestRetryMilliseconds)
    failures += 1
    state = .waiting(until: now.advanced(milliseconds: wait / 2 + random.below(wait)))
  }
}
