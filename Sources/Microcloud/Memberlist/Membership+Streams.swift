import Basics

/// A stream that is open.
struct GossipStream {
  enum Purpose: Equatable {
    /// We dialled, to compare all that is known.
    case pushPull(isJoin: Bool)
    /// We dialled, as packets to a member may be lost.
    case ping
    /// A peer dialled.
    case accepted
    /// A peer dialled, has said all, and is being answered.
    case answering
  }

  let id: MembershipStreamID
  var purpose: Purpose
  /// Whom we dialled.
  let address: SocketAddress?
  let deadline: Instant
  /// What the peer said a push/pull was for.
  var isJoin = false
}

// Comparing all that is known, and what else goes over streams.
extension Membership {
  /// A peer has opened a stream: the name for it, or nil if there are too many, and it is to be closed.
  public mutating func acceptStream(now: Instant) -> MembershipStreamID? {
    let accepted = streams.count { $0.purpose == .accepted || $0.purpose == .answering }
    guard accepted < limits.acceptedStreams else { return nil }
    return addStream(.accepted, address: nil, now: now)
  }

  /// Takes what was read on a stream.
  public mutating func receive(
    _ event: GossipStreamEvent, on id: MembershipStreamID, now: Instant
  ) -> [MembershipEffect] {
    guard let index = streams.firstIndex(where: { $0.id == id && $0.purpose != .answering }) else { return [] }
    switch event {
    case .message(let message): receive(message, onStream: index, now: now)
    case .pushPull(let header): streams[index].isJoin = header.isJoin
    case .node(let node): merge(node, now: now)
    case .state(let entry): effects.append(.userState(entry, on: id))
    case .end: endPushPull(index)
    }
    return takeEffects()
  }

  /// A stream could not be opened, has failed, or was closed by the peer; or the peer has all of an answer.
  public mutating func streamEnded(_ id: MembershipStreamID, now: Instant) -> [MembershipEffect] {
    guard let index = streams.firstIndex(where: { $0.id == id }) else { return [] }
    fail(streams.remove(at: index))
    return takeEffects()
  }

  mutating func openStream(
    _ purpose: GossipStream.Purpose, to address: SocketAddress, saying content: MembershipStreamContent, now: Instant
  ) {
    let id = addStream(purpose, address: address, now: now)
    effects.append(.openStream(id, to: address, saying: content))
  }

  private mutating func addStream(
    _ purpose: GossipStream.Purpose, address: SocketAddress?, now: Instant
  ) -> MembershipStreamID {
    lastStreamNumber &+= 1
    let id = MembershipStreamID(rawValue: lastStreamNumber)
    let deadline = now.advanced(milliseconds: profile.streamTimeoutMilliseconds)
    streams.append(GossipStream(id: id, purpose: purpose, address: address, deadline: deadline))
    return id
  }

  mutating func expireStreams(now: Instant) {
    closeStreams { $0.deadline <= now }
  }

  mutating func closeStreams(where isToClose: (GossipStream) -> Bool) {
    for stream in streams where isToClose(stream) {
      effects.append(.closeStream(stream.id))
      fail(stream)
    }
    streams.removeAll(where: isToClose)
  }

  private mutating func fail(_ stream: GossipStream) {
    guard case .pushPull(isJoin: true) = stream.purpose, let address = stream.address else { return }
    effects.append(.joined(address, isSuccess: false))
  }

  /// A stream that carries one message.
  private mutating func receive(_ message: MemberlistMessage, onStream index: Int, now: Instant) {
    let stream = streams[index]
    switch (message, stream.purpose) {
    case (.ping(let ping), .accepted) where isForUs(ping):
      finish(index, answer: .message(MemberlistMessage.ack(sequence: ping.sequence, payload: ackPayload).encoded))
    case (.user(let message), .accepted):
      effects.append(.user(message))
      finish(index, answer: nil)
    case (.ack(let sequence, _), .ping):
      finish(index, answer: nil)
      acknowledge(sequence, payload: [], now: now)
    default:
      finish(index, answer: nil)
      fail(stream)
    }
  }

  /// All of a peer's push/pull was read. One that dialled us hears ours.
  private mutating func endPushPull(_ index: Int) {
    let stream = streams[index]
    switch stream.purpose {
    case .accepted: finish(index, answer: .pushPull(isJoin: stream.isJoin))
    case .pushPull(let isJoin):
      finish(index, answer: nil)
      if isJoin, let address = stream.address { effects.append(.joined(address, isSuccess: true)) }
    case .ping, .answering: finish(index, answer: nil)
    }
  }

  /// Ends a stream, or answers on it: until the peer has read that, it counts as one that peers have open, and has its
  /// deadline.
  private mutating func finish(_ index: Int, answer: MembershipStreamContent?) {
    let id = streams[index].id
    if let answer {
      streams[index].purpose = .answering
      effects.append(.answer(id, saying: answer))
    } else {
      streams.remove(at: index)
      effects.append(.closeStream(id))
    }
  }

  /// What a peer knows of a member. That one is dead is no more than a suspicion to us: the member may refute it.
  private mutating func merge(_ node: PushPullNode, now: Instant) {
    guard let versions = node.versions, versions.isAcceptable else { return }
    switch node.state {
    case .alive:
      hear(
        .init(
          incarnation: node.incarnation, node: node.name, address: node.address, meta: node.meta, versions: versions),
        now: now)
    case .suspect, .dead: suspect(.init(incarnation: node.incarnation, node: node.name, from: name), now: now)
    case .left: kill(.init(incarnation: node.incarnation, node: node.name, from: node.name), now: now)
    }
  }

  /// Compares all that is known with a member at random.
  mutating func comparePeriodically(now: Instant) {
    guard let pushPullAt, pushPullAt <= now else { return }
    let interval = profile.pushPullMilliseconds(members: table.count)
    self.pushPullAt = table.count > 1 ? now.advanced(milliseconds: interval) : nil
    let crowded = isCrowded
    guard let slot = randomSlots(1, where: { $1.state == .alive && (!crowded || $1.hasAnswered) }).first else { return }
    openStream(.pushPull(isJoin: false), to: table[slot].address, saying: .pushPull(isJoin: false), now: now)
  }
}
