import Basics

/// A query of our own that is still open.
struct OpenQuery {
  let id: UInt32
  let time: LamportTime
  let deadline: Instant
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
  ///   - timeoutMilliseconds: nil: by the size of the cluster.
  public mutating func ask(
    _ queryName: String, payload: [UInt8] = [], filters: [QueryFilter] = [], wantsAcknowledgement: Bool = false,
    timeoutMilliseconds: UInt64? = nil, now: Instant
  ) -> (id: UInt32, effects: [SerfEffect])? {
    guard openQueries.count < Self.maximumOpenQueries else { return nil }
    let id = UInt32(truncatingIfNeeded: random.next())
    let milliseconds = min(timeoutMilliseconds ?? defaultQueryMilliseconds, 1 << 40)
    let query = SerfMessage.Query(
      time: queryClock.tick(), id: id, source: membership.node(named: name)?.address, sourceNode: name,
      filters: filters, flags: wantsAcknowledgement ? .wantsAcknowledgement : [],
      timeoutNanoseconds: Int64(milliseconds) * 1_000_000, name: queryName, payload: payload)
    let deadline = now.advanced(milliseconds: milliseconds)
    openQueries.append(OpenQuery(id: id, time: query.time, deadline: deadline))
    hear(query, now: now)
    return (id, takeEffects())
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
    if isNew { effects.append(.queryResponse(response)) }
  }

  mutating func endQueries(now: Instant) {
    for query in openQueries where query.deadline <= now { effects.append(.queryEnded(id: query.id)) }
    openQueries.removeAll { $0.deadline <= now }
  }
}
