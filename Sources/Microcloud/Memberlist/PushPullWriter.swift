/// Writes a push/pull piece by piece, so that it need never be in memory as a whole.
///
/// What it writes is the state at its start: changes to the collections that it was given do not reach it.
public struct PushPullWriter<Nodes: Collection, LeftMembers: Collection, StatusTimes: Collection>
where
  Nodes.Element == PushPullNode, LeftMembers.Element == NodeName,
  StatusTimes.Element == (name: NodeName, time: LamportTime)
{
  /// The members that memberlist knows, each with versions: see `PushPullNode.versions`.
  private var nodes: Nodes.Iterator
  private var serfState: SerfStateWriter<LeftMembers, StatusTimes>
  /// Until it is written.
  private var header: PushPullHeader?

  public init(isJoin: Bool, nodes: Nodes, serfState: SerfState<LeftMembers, StatusTimes>) {
    self.nodes = nodes.makeIterator()
    self.serfState = SerfStateWriter(serfState)
    header = PushPullHeader(
      isJoin: isJoin, nodeCount: UInt32(nodes.count), userStateBytes: self.serfState.encodedBytes)
  }

  /// The next piece: at least `bytes` long, and longer by less than one element, unless it is the last; nil after that.
  public mutating func next(atLeast bytes: Int) -> [UInt8]? {
    var encoder = MessagePackEncoder()
    while encoder.bytes.count < bytes, appendElement(to: &encoder) {}
    return encoder.bytes.isEmpty ? nil : encoder.bytes
  }

  private mutating func appendElement(to encoder: inout MessagePackEncoder) -> Bool {
    if let header {
      encoder.append([MemberlistMessageType.pushPull.rawValue])
      header.encode(to: &encoder)
      self.header = nil
    } else if let node = nodes.next() {
      node.encode(to: &encoder)
    } else {
      return serfState.appendElement(to: &encoder)
    }
    return true
  }
}
