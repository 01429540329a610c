import Basics

/// Places one container on one node: whom to ask for what next, given what came of it.
///
/// A node is asked for a lease, which stays tentative; then for the container in it, which confirms the lease. What a node
/// refuses, it gives a reason for, and the next one is asked. However answers are lost, there are never two containers:
/// - a lease that is asked for again has the same request id, and is the same lease; one whose answer never comes goes
///   after 30 s, with nothing in it;
/// - the container is asked for once on a node. Where no answer comes, the node is asked what became of it; only once it
///   is known that there is none, and can be none any more, is the next node asked. Where that cannot be found out, the
///   placement ends as `unclear`.
///
/// What was leased and is not needed is released.
public struct Placement: Sendable {
  /// What to do next. The numbers are those of the candidates.
  public enum Step: Equatable, Sendable {
    /// Ask for `PlacementWish.lease`.
    case lease(Int)
    /// Ask for the container, in this lease.
    case run(Int, lease: UInt64)
    case lookAtLease(Int, UInt64)
    /// Look at the container of the wish's name.
    case lookAtContainer(Int)
    /// Remove it, killing what runs.
    case remove(Int)
    case release(Int, UInt64)
    /// Nothing more.
    case end(Outcome)
  }

  /// What came of it.
  public enum Outcome: Equatable, Sendable {
    case placed(Int, lease: UInt64)
    /// Nobody took it: `reasons` tells why.
    case nobody
    /// The node may have it, or have had it, and does not tell.
    case unclear(Int)
    /// It was not wanted any more, and nothing of it is left, but for what `reasons` tells.
    case interrupted
  }

  /// What came of a step.
  public enum Answer: Equatable, Sendable {
    /// The lease, granted or found.
    case lease(id: UInt64, requestID: [UInt8], phase: Lease.Phase)
    /// The container was found, charged to this lease.
    case container(lease: UInt64?)
    /// It was done.
    case done
    case refused(RequestError)
    /// The node was not reached: it did not hear of it.
    case unsent(String)
    /// No answer came: the node may have heard of it.
    case lost(String)
  }

  private enum Stage: Sendable {
    case leasing, running, lookingAtLease, lookingAtContainer, makingSure, removing, releasing
  }

  /// How often a node is asked the same again when no answer comes.
  static let mostAttempts = 3

  public let wish: PlacementWish
  /// Why each node that was thought of did not take it, in the order in which that was found.
  public private(set) var reasons: [(node: Int, line: String)]
  private var waiting: ArraySlice<Int>
  private var stage = Stage.leasing
  private var node = 0
  private var lease: UInt64?
  private var attempts = 0
  /// The answer to `run` did not come.
  private var isRunUnanswered = false
  private var isInterrupted = false
  /// Whoever comes next would refuse it, too.
  private var isHopeless = false
  /// Nobody new is asked after this.
  private let deadline: Instant

  public init(_ wish: PlacementWish, _ order: PlacementOrder, deadline: Instant) {
    self.wish = wish
    self.deadline = deadline
    waiting = order.fitting[...]
    reasons = order.unfit.map { (node: $0.index, line: $0.reason) }
  }

  /// The first step.
  public mutating func begin(now: Instant) -> Step { next(now) }

  /// From now on nobody new is asked, and what was made is taken back. What was begun must be carried on with to its end.
  public mutating func interrupt() { isInterrupted = true }

  /// The step after one that came to this.
  public mutating func take(_ answer: Answer, now: Instant) -> Step {
    switch stage {
    case .leasing: takeLease(answer, now)
    case .running: takeRun(answer, now)
    case .lookingAtLease: takeLook(answer, now)
    case .lookingAtContainer, .makingSure: takeContainer(answer, now)
    case .removing: takeRemoval(answer)
    case .releasing: takeRelease(answer, now)
    }
  }

  // MARK: Nodes

  private mutating func next(_ now: Instant) -> Step {
    lease = nil
    isRunUnanswered = false
    if isInterrupted { return .end(.interrupted) }
    guard !isHopeless, let first = waiting.popFirst() else { return .end(.nobody) }
    if now >= deadline {
      for node in [first] + waiting { reasons.append((node, "there was no time left to ask it")) }
      return .end(.nobody)
    }
    node = first
    return go(.leasing)
  }

  private mutating func pass(_ line: String, _ now: Instant) -> Step {
    reasons.append((node, line))
    return next(now)
  }

  private mutating func go(_ stage: Stage) -> Step {
    self.stage = stage
    attempts = 1
    return step
  }

  /// The same once more; nil: it was tried often enough.
  private mutating func again() -> Step? {
    if attempts >= Self.mostAttempts { return nil }
    attempts += 1
    return step
  }

  private var step: Step {
    let lease = lease ?? 0
    return switch stage {
    case .leasing: .lease(node)
    case .running: .run(node, lease: lease)
    case .lookingAtLease: .lookAtLease(node, lease)
    case .lookingAtContainer, .makingSure: .lookAtContainer(node)
    case .removing: .remove(node)
    case .releasing: .release(node, lease)
    }
  }

  // MARK: Answers

  private mutating func takeLease(_ answer: Answer, _ now: Instant) -> Step {
    switch answer {
    case .lease(let id, _, _):
      lease = id
      return go(isInterrupted ? .releasing : .running)
    case .refused(let error):
      isHopeless = error.kind == .invalid
      return pass(error.description, now)
    case .unsent(let line): return pass(line, now)
    case .lost(let line): return isInterrupted ? pass(line, now) : again() ?? pass(line, now)
    case .done, .container: return pass(Self.strange, now)
    }
  }

  private mutating func takeRun(_ answer: Answer, _ now: Instant) -> Step {
    switch answer {
    case .done: return found()
    case .refused(let error):
      isHopeless = error.kind == .invalid
      reasons.append((node, error.description))
      return go(.releasing)
    // Its lease is tentative, and goes by itself.
    case .unsent(let line): return pass(line, now)
    case .lost, .lease, .container:
      isRunUnanswered = true
      return go(.lookingAtLease)
    }
  }

  private mutating func takeLook(_ answer: Answer, _ now: Instant) -> Step {
    switch answer {
    case .lease(_, let requestID, let phase):
      if requestID != wish.lease.requestID { return pass(Self.forgotten, now) }
      if phase != .tentative { return go(.lookingAtContainer) }
      reasons.append((node, Self.unheard))
      return go(.releasing)
    case .refused(let error) where error.kind == .notFound: return pass(Self.forgotten, now)
    case .refused, .unsent, .lost, .done, .container: return again() ?? .end(.unclear(node))
    }
  }

  private mutating func takeContainer(_ answer: Answer, _ now: Instant) -> Step {
    switch answer {
    case .container(let charged) where charged == lease:
      // After its lease was released, it cannot go on.
      return stage == .makingSure ? .end(.unclear(node)) : found()
    case .container: return absent(now)
    case .refused(let error) where error.kind == .notFound: return absent(now)
    case .refused, .unsent, .lost, .done, .lease: return again() ?? .end(.unclear(node))
    }
  }

  /// There is no such container; was there?
  private mutating func absent(_ now: Instant) -> Step {
    if wish.container.removesWhenEnded { return .end(.unclear(node)) }
    if stage == .makingSure { return next(now) }
    reasons.append((node, Self.unmade))
    return go(.releasing)
  }

  private mutating func found() -> Step {
    isInterrupted ? go(.removing) : .end(.placed(node, lease: lease ?? 0))
  }

  private mutating func takeRemoval(_ answer: Answer) -> Step {
    switch answer {
    case .unsent, .lost: return again() ?? .end(.unclear(node))
    case .done, .refused, .lease, .container:
      isRunUnanswered = false
      return go(.releasing)
    }
  }

  private mutating func takeRelease(_ answer: Answer, _ now: Instant) -> Step {
    switch answer {
    case .unsent(let line), .lost(let line):
      if let step = again() { return step }
      if isRunUnanswered { return .end(.unclear(node)) }
      return pass("lease \(lease ?? 0) could not be released: \(line)", now)
    case .refused(let error) where error.kind != .notFound && isRunUnanswered: return .end(.unclear(node))
    case .done, .refused, .lease, .container:
      // What was on its way before cannot be carried out any more; was it, in the last moment?
      return isRunUnanswered ? go(.makingSure) : next(now)
    }
  }

  private static let strange = "its answer makes no sense: it may be older or newer than this command"
  private static let forgotten = "it was restarted before it made the container"
  private static let unheard = "it did not hear of the container"
  private static let unmade = "it could not make the container"
}
