import Basics

/// The security contexts of a node: found by our Recipient ID when a request comes, by peer when we ask. When the table is
/// full the one that was not used for the longest time goes, unless something under way needs it.
public struct OSCOREContexts {
  /// As many as a board needs; one takes about 300 bytes, with its schedules 1200.
  public static let usualCapacity = 64
  /// So many contexts, those used last, have their keys' schedules at hand; others make them when they are used.
  public static let maximumSchedules = 64

  private let capacity: Int
  private var contexts: [OSCOREContext] = []
  /// Of each context in the same order, so that looking one up touches little memory.
  private var recipientIDs: [UInt64] = []
  private var lastNumber: UInt64 = 0
  private var usesCount: UInt64 = 0
  private var scheduled = 0

  public init(capacity: Int = usualCapacity) {
    self.capacity = capacity
  }

  public var count: Int { contexts.count }

  // MARK: Coming and going

  /// Adds a context, and returns its number, which no other one gets. Nil: one of that Recipient ID and ID Context is there, or
  /// none of the others can go.
  ///
  /// - Parameters:
  ///   - peer: whom `number(of:)` finds it by.
  ///   - isNeeded: says of a number of a context whether it must stay, as `CoAPObservers.observes(with:)` does.
  public mutating func insert(
    _ context: OSCOREContext, peer: SocketAddress? = nil, isNeeded: (UInt64) -> Bool = { _ in false }
  ) -> UInt64? {
    guard index(context.recipientID, context.idContext) == nil else { return nil }
    if contexts.count >= capacity {
      guard let index = oldest({ $0.uses == 0 && !isNeeded($0.number) }) else { return nil }
      remove(at: index)
    }
    lastNumber += 1
    context.number = lastNumber
    context.peer = peer
    contexts.append(context)
    recipientIDs.append(context.recipientID.packed)
    touch(context)
    return lastNumber
  }

  /// Forgets a context at once, whoever needs it: its principal has lost its rights, or the peer has lost the context.
  public mutating func remove(_ number: UInt64) {
    if let index = contexts.firstIndex(where: { $0.number == number }) { remove(at: index) }
  }

  /// Whether a Recipient ID is free for the next context.
  public func isFree(_ recipientID: OSCOREIdentifier) -> Bool {
    !recipientIDs.contains(recipientID.packed)
  }

  private mutating func remove(at index: Int) {
    if contexts[index].isScheduled { scheduled -= 1 }
    contexts[index].isScheduled = false
    contexts.remove(at: index)
    recipientIDs.remove(at: index)
  }

  private func oldest(_ isMeant: (OSCOREContext) -> Bool) -> Int? {
    var oldest: Int?
    for index in contexts.indices where isMeant(contexts[index]) {
      if oldest.map({ contexts[index].usedAt < contexts[$0].usedAt }) ?? true { oldest = index }
    }
    return oldest
  }

  // MARK: Finding

  /// The number of the context that was made last with a peer.
  public func number(of peer: SocketAddress) -> UInt64? {
    contexts.last { $0.peer == peer }?.number
  }

  /// Whose a context is; nil: it is not there.
  public func principal(of number: UInt64) -> UInt32? {
    context(number)?.principal
  }

  /// The context of a number.
  func context(_ number: UInt64) -> OSCOREContext? {
    contexts.first { $0.number == number }
  }

  /// The context that a request says it was made with. It counts as used only when the request is verified: `touch`.
  func context(for option: OSCOREOption) throws(OSCOREError) -> OSCOREContext {
    guard let kid = option.kid else { throw .malformedOption }
    if let index = index(kid, option.kidContext) { return contexts[index] }
    // A kid context that is given must be the context's. A client may leave it out.
    guard option.kidContext == nil, let index = recipientIDs.firstIndex(of: kid.packed) else { throw .contextNotFound }
    return contexts[index]
  }

  private func index(_ recipientID: OSCOREIdentifier, _ idContext: [UInt8]?) -> Int? {
    for index in recipientIDs.indices
    where recipientIDs[index] == recipientID.packed && contexts[index].idContext == idContext {
      return index
    }
    return nil
  }

  // MARK: Using

  /// Must be called before a context seals or opens something: so many have schedules, and no more.
  mutating func prepare(_ context: OSCOREContext) {
    if context.isScheduled { return }
    if scheduled >= Self.maximumSchedules, let index = oldest({ $0.isScheduled }) {
      contexts[index].dropSchedules()
      contexts[index].isScheduled = false
      scheduled -= 1
    }
    context.isScheduled = true
    scheduled += 1
  }

  /// Notes that a context was used, by us or by whom it belongs to; not by who only says so.
  mutating func touch(_ context: OSCOREContext) {
    usesCount += 1
    context.usedAt = usesCount
  }
}
