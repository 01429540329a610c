import Microcloud

/// Is told what happens in a world, as it happens.
protocol WorldObserver: AnyObject {
  /// A node calls itself so from now on.
  func isCalled(_ name: NodeName, _ node: SimulatedNode)
  /// A node's membership says that something happened to a member.
  func sees(_ change: SerfMemberChange, of peer: NodeName, _ node: SimulatedNode)
  /// A node has got a message of memberlist's.
  func heard(_ message: MemberlistMessage, at node: SimulatedNode)
  /// A node wants to be woken again and again at the same time.
  func spins(_ node: SimulatedNode)
  /// A node sends a packet.
  func sends(_ bytes: [UInt8], _ node: SimulatedNode)
}
