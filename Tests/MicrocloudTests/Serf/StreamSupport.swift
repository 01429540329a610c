import Microcloud

/// The events of a stream that comes in pieces.
func events(
  _ stream: [UInt8], chunk: Int, cipher: GossipCipher? = nil
) throws -> (events: [GossipStreamEvent], isAtEnd: Bool) {
  var decoder = GossipStreamDecoder(cipher: cipher)
  var events: [GossipStreamEvent] = []
  for start in stride(from: 0, to: stream.count, by: chunk) {
    events += try drain(&decoder, stream[start..<min(start + chunk, stream.count)])
  }
  return (events, decoder.isAtEnd)
}

func drain(_ decoder: inout GossipStreamDecoder, _ bytes: ArraySlice<UInt8>) throws -> [GossipStreamEvent] {
  var rest = bytes
  var events: [GossipStreamEvent] = []
  while let event = try decoder.next(from: &rest) { events.append(event) }
  precondition(rest.isEmpty, "bytes left over while more are asked for")
  return events
}

func nodes(_ events: [GossipStreamEvent]) -> [PushPullNode] {
  events.compactMap { if case .node(let node) = $0 { node } else { nil } }
}

/// The push/pull that gives these events, with pieces of at least `bytes` bytes put together.
func pushPull(_ events: [GossipStreamEvent], atLeast bytes: Int = 100) -> [UInt8] {
  var isJoin = false
  var clocks: [LamportTime] = [0, 0, 0]
  var left: [NodeName] = []
  var times: [(name: NodeName, time: LamportTime)] = []
  for event in events {
    switch event {
    case .pushPull(let header): isJoin = header.isJoin
    case .state(.memberClock(let time)): clocks[0] = time
    case .state(.eventClock(let time)): clocks[1] = time
    case .state(.queryClock(let time)): clocks[2] = time
    case .state(.leftMember(let name)): left.append(name)
    case .state(.statusTime(let name, let time)): times.append((name, time))
    case .node, .message, .end: break
    }
  }
  let state = SerfState(
    memberClock: clocks[0], eventClock: clocks[1], queryClock: clocks[2], leftMembers: left, statusTimes: times)
  var writer = PushPullWriter(isJoin: isJoin, nodes: nodes(events), serfState: state)
  var all: [UInt8] = []
  while let piece = writer.next(atLeast: bytes) { all += piece }
  return all
}
