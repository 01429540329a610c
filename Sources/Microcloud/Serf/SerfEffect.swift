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

  /// Another keyring is to be stored, and sealed and opened with from the next effect on.
  case keyringChanged(Keyring)
  /// What came of a command about keys.
  case keysAnswered(id: UInt32, KeyReport)
  /// `record` has changed so much that it is to be stored; once an hour at most, but for the first few times.
  case recordChanged
  /// Our name is another member's, the others say: to be left without a word, for a departure would be taken for the
  /// other one's, and to come back under another name.
  case nameLost
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
