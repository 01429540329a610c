import Basics

/// What a membership wants done or known, in this order.
public enum MembershipEffect: Equatable, Sendable {
  /// Send a packet, sealed first where the cluster has a key.
  case send([UInt8], to: SocketAddress)
  /// Open a stream, say this on it and read the answer. Everything that is read goes to `receive(_:on:now:)`; that it
  /// failed or ended, to `streamEnded`.
  case openStream(MembershipStreamID, to: SocketAddress, saying: MembershipStreamContent)
  /// Say this on a stream that a peer opened, then close it; when that is done or has failed, tell `streamEnded`.
  case answer(MembershipStreamID, saying: MembershipStreamContent)
  /// Close a stream; nothing is to be said or heard on it any more.
  case closeStream(MembershipStreamID)
  case member(NodeName, MemberChange)
  /// A member of this name at another address than the known one spoke up; it was not believed.
  case conflict(NodeName, known: SocketAddress, other: SocketAddress)
  /// A member answered a direct probe of ours, with what its ack carries for the protocol above.
  case acknowledged(NodeName, roundTripNanoseconds: UInt64, payload: [UInt8])
  /// A message for the protocol above.
  case user([UInt8])
  /// A piece of the state of the protocol above, from a push/pull.
  case userState(SerfStateEntry, on: MembershipStreamID)
  /// What became of a `join`.
  case joined(SocketAddress, isSuccess: Bool)
  /// Others know that we are leaving; or they had the time to. Nothing needs to be sent any more.
  case hasLeft
}

/// What happened to a member.
public enum MemberChange: Equatable, Sendable {
  /// It is new, or back.
  case joined
  /// It says other things of itself.
  case updated
  case suspected
  /// It is no longer suspected.
  case cleared
  case failed
  /// It left by its own will.
  case left
  /// It was gone for some time, and is no longer in the table.
  case forgotten
}

/// A stream, as long as it is open.
public struct MembershipStreamID: RawRepresentable, Hashable, Sendable {
  public let rawValue: UInt32

  public init(rawValue: UInt32) {
    self.rawValue = rawValue
  }
}

/// What is said on a stream.
public enum MembershipStreamContent: Equatable, Sendable {
  /// One message, encoded.
  case message([UInt8])
  /// `Membership.nodes` as it is now, and the state of the protocol above: what `PushPullWriter` writes.
  case pushPull(isJoin: Bool)
}
