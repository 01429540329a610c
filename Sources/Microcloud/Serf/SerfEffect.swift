import Basics

/// What a Serf member wants done or known, in this order.
public enum SerfEffect: Equatable, Sendable {
  // As with `MembershipEffect`.
  case send([UInt8], to: SocketAddress)
  case openStream(MembershipStreamID, to: SocketAddress, saying: MembershipStreamContent)
  case answer(MembershipStreamID, saying: MembershipStreamContent)
  case closeStream(MembershipStreamID)
  case conflict(NodeName, known: SocketAddress, other: SocketAddress)
  /// What became of a `join`, or of an attempt to reach a member that had failed.
  case joined(SocketAddress, isSuccess: Bool)
  case hasLeft

  case member(NodeName, SerfMemberChange)
  case userEvent(SerfMessage.UserEvent)
  /// A query that is for us: answer it with `respond`, or not at all.
  case query(SerfMessage.Query)
  /// An answer to a query of our own, or that it has come.
  case queryResponse(SerfMessage.QueryResponse)
  /// A query of our own has had its time.
  case queryEnded(id: UInt32)
}

/// What happened to a member, as Serf sees it.
public enum SerfMemberChange: Equatable, Sendable {
  case joined
  case updated
  case failed
  case left
  /// It was gone for so long that nobody tries to reach it any more.
  case reaped
}
