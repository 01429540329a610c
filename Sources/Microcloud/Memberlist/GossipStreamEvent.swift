/// What a reader of a gossip stream (TCP) hears, piece by piece.
public enum GossipStreamEvent: Equatable, Sendable {
  /// A stream that carries one message and no push/pull: ping, ack, user or error. Nothing follows.
  case message(MemberlistMessage)
  /// A push/pull begins; its members and Serf's state follow.
  case pushPull(PushPullHeader)
  /// One of its members. A member that makes no sense (address, name, state) is passed over without an event.
  case node(PushPullNode)
  /// One piece of Serf's part.
  case state(SerfStateEntry)
  /// The push/pull was complete. Nothing follows.
  case end
}
