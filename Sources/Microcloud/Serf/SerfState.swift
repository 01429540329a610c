/// What a reader hears of Serf's part of a push/pull, piece by piece, in the order in which it comes.
///
/// Agents send left members before status times: to process a left member, wait for its time. A clock's value is one
/// more than the latest time that the sender has seen of that kind.
public enum SerfStateEntry: Equatable, Sendable {
  /// The clock of joins and leaves.
  case memberClock(LamportTime)
  case eventClock(LamportTime)
  case queryClock(LamportTime)
  /// A member that has left; `statusTime` comes for it too.
  case leftMember(NodeName)
  /// When the sender last heard a member's join or leave.
  case statusTime(NodeName, LamportTime)
}
