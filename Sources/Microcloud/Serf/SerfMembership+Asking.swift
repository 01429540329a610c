import Basics

/// A query of our own that is still open.
struct OpenQuery {
  /// What the answers are for.
  enum Purpose {
    /// Each is an effect.
    case caller
    case keys(KeyReport)
    /// Two members have our name: how many others know it at our address, and how many at another one.
    case conflict(ours: Int, others: Int)
  }

  let id: UInt32
  let time: LamportTime
  let deadline: Instant
  var purpose: Purpose
  /// Who was heard already; packets may come twice.
  var acknowledged: Set<NodeName> = []
  var responded: Set<NodeName> = []
}

// Queries of our own.
extension SerfMembership {
  /// How many queries may be open at once.
  public static let maximumOpenQueries = 16
  /// A query is open by default for so many rounds of gossip, more in large clusters.
  private static let queryRounds = 16

  /// Asks all members that pass the filters, ourselves too. Each answer is an effect `queryResponse`, the end
  /// `queryEnded`, under the number that `id` says. Nil if there are too many open ones.
  ///
  /// - Parameters:
  ///   - payload: the query has to stay below `Query.customaryMaximumBytes` encoded, which peers insist on.
  ///   - relayFactor: through how many other members each answer is to come as well, where packets are lost.
  ///   - timeoutMilliseconds: nil: by the size of the cluster.
  public mutating func ask(
    _ queryName: String, payload: [UInt8] = [], filters: [QueryFilter] = [], wantsAcknowledgement: Bool = false,
    relayFactor: UInt8 = 0, timeoutMilliseconds: UInt64? = nil, now: Instant
  ) -> (id: UInt32, effects: [SerfEffect])? {
    let id = open(
      queryName, payload: payload, purpose: .caller, filters: filters,
      flags: wantsAcknowledgement ? .wantsAcknowledgement : [], relayFactor: relayFactor,
      timeoutMilliseconds: timeoutMilliseconds, now: now)
    return id.map { (id: $0, effects: takeEffects()) }
  }

  /// Opens a query; nil if there are too many open ones.
  mutating func open(
    _ queryName: String, payload: [UInt8], purpose: OpenQuery.Purpose, filters: [QueryFilter] = [],
    flags: SerfMessage.Query.Flags = [], relayFactor: UInt8 = 0, timeoutMilliseconds: UInt64? = nil, now: Instant
  ) -> UInt32? {
    guard openQueries.count < Self.maximumOpenQueries else { return nil }
    let id = UInt32(truncatingIfNeeded: random.next())
    let milliseconds = min(timeoutMilliseconds ?? defaultQueryMilliseconds, 1 << 40)
    let query = SerfMessage.Query(
      time: queryClock.tick(), id: id, source: membership.localAlive.address, sourceNode: name, filters: filters,
      flags: flags, relayFactor: relayFactor, timeoutNanoseconds: Int64(milliseconds) * 1_000_000, name: queryName,
      payload: payload)
    let deadline = now.advanced(milliseconds: milliseconds)
    openQueries.append(OpenQuery(id: id, time: query.time, deadline: deadline, purpose: purpose))
    hear(query, now: now)
    return id
  }

  private var defaultQueryMilliseconds: UInt64 {
    let rounds = Self.queryRounds * Logarithm.decimalDigits(membership.nodes.count)
    return membership.profile.gossipIntervalMilliseconds * UInt64(rounds)
  }

  /// An answer counts once for each member, and only from members.
  mutating func hear(_ response: SerfMessage.QueryResponse) {
    guard status(of: response.from) != nil else { return }
    let match = openQueries.firstIndex { $0.id == response.id && $0.time == response.time }
    guard let index = match else { return }
    let isNew =
      response.isAcknowledgement
      ? openQueries[index].acknowledged.insert(response.from).inserted
      : openQueries[index].responded.insert(response.from).inserted
    if isNew { count(response, for: index) }
  }

  private mutating func count(_ response: SerfMessage.QueryResponse, for index: Int) {
    switch openQueries[index].purpose {
    case .caller: effects.append(.queryResponse(response))
    case .keys(var report):
      guard !response.isAcknowledgement else { return }
      report.add(response.payload, from: response.from)
      openQueries[index].purpose = .keys(report)
      if report.isComplete { end(openQueries.remove(at: index)) }
    case .conflict(let ours, let others):
      guard let isOurs = isOurAddress(in: response) else { return }
      openQueries[index].purpose = .conflict(ours: ours + (isOurs ? 1 : 0), others: others + (isOurs ? 0 : 1))
    }
  }

  mutating func endQueries(now: Instant) {
    for query in openQueries where query.deadline <= now { end(query) }
    openQueries.removeAll { $0.deadline <= now }
  }

  private mutating func end(_ query: OpenQuery) {
    switch query.purpose {
    case .caller: effects.append(.queryEnded(id: query.id))
    case .keys(let report): effects.append(.keysAnswered(id: query.id, report))
    case .conflict(let ours, let others): settleConflict(ours: ours, others: others)
    }
  }
}
