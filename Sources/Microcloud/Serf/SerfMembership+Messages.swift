import Basics

// Events and queries.
extension SerfMembership {
  /// What the names of the agents' own queries start with.
  static let internalPrefix = "_serf_"

  /// Sends an event to everybody, ourselves too.
  ///
  /// - Parameter payload: with the name at most `UserEvent.customaryMaximumBytes`, which peers insist on.
  public mutating func sendEvent(
    _ name: String, payload: [UInt8], coalesces: Bool = false, now: Instant
  ) -> [SerfEffect] {
    hear(
      SerfMessage.UserEvent(time: eventClock.tick(), name: name, payload: payload, coalesces: coalesces), now: now)
    return takeEffects()
  }

  mutating func hear(_ event: SerfMessage.UserEvent, now: Instant) {
    guard eventClock.witness(event.time) else { return }
    let content = Array(event.name.utf8) + [0] + event.payload
    guard recentEvents.insert(time: event.time, now: eventClock.time, content: content) else { return }
    recording.schedule(now: now)
    broadcast(.userEvent(event), kind: .event, now: now)
    effects.append(.userEvent(event))
  }

  mutating func hear(_ query: SerfMessage.Query, now: Instant) {
    guard queryClock.witness(query.time) else { return }
    let id = (0..<4).map { UInt8(truncatingIfNeeded: query.id >> (8 * UInt32($0))) }
    guard recentQueries.insert(time: query.time, now: queryClock.time, content: id) else { return }
    recording.schedule(now: now)
    if !query.flags.contains(.isNotRebroadcast) { broadcast(.query(query), kind: .query, now: now) }
    guard query.selects(name, tags: tags) else { return }
    if query.flags.contains(.wantsAcknowledgement) { send([], to: query, isAcknowledgement: true) }
    if query.name.utf8.starts(with: Self.internalPrefix.utf8) {
      answerInternally(query)
    } else {
      effects.append(.query(query))
    }
  }

  /// Answers a query. With the head of the answer the payload has to stay below `QueryResponse.customaryMaximumBytes`,
  /// and is not sent if it does not.
  public mutating func respond(to query: SerfMessage.Query, payload: [UInt8]) -> [SerfEffect] {
    send(payload, to: query, isAcknowledgement: false)
    return takeEffects()
  }

  private mutating func send(_ payload: [UInt8], to query: SerfMessage.Query, isAcknowledgement: Bool) {
    guard let source = query.source else { return }
    let response = SerfMessage.queryResponse(
      .init(time: query.time, id: query.id, from: name, isAcknowledgement: isAcknowledgement, payload: payload))
    let bytes = response.encoded
    guard bytes.count <= SerfMessage.QueryResponse.customaryMaximumBytes else { return }
    effects.append(.send(MemberlistMessage.user(bytes).encoded, to: source))
    relay(bytes, to: source, of: query)
  }

  /// The agents' own queries. To a ping the acknowledgement is the answer.
  private mutating func answerInternally(_ query: SerfMessage.Query) {
    if query.name == Self.conflictQuery {
      let name = NodeName(query.payload)
      // Who is asked about does not judge.
      guard name != self.name else { return }
      send(SerfMessage.conflictResponse(record(of: name)).encoded, to: query, isAcknowledgement: false)
    } else if let command = KeyCommand(query) {
      send(SerfMessage.keyResponse(perform(command)).encoded, to: query, isAcknowledgement: false)
    }
  }

  private func record(of name: NodeName) -> MemberRecord? {
    guard let node = membership.node(named: name), let versions = node.versions, let status = status(of: name)
    else { return nil }
    let tags: Tags
    do throws(MessagePackError) { tags = try Tags(meta: node.meta) } catch { return nil }
    return MemberRecord(name: name, address: node.address, tags: tags, status: status, versions: versions)
  }
}
