// sources: Sources/Microcloud/MessagePack Sources/Microcloud/Memberlist Sources/Microcloud/Serf Sources/Microcloud/CBOR Sources/Basics
// However a stream is split (the first byte says), the same events and an error of the same kind come out; a whole
// push/pull can be written again.

private struct Outcome: Equatable {
  var events: [GossipStreamEvent] = []
  var isAtEnd = false
  var error: GossipError?
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzGossipStream(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  guard let chunk = input.first else { return 0 }
  let stream = input.dropFirst()
  let whole = read(stream, chunk: stream.count + 1)
  precondition(read(stream, chunk: Int(chunk) + 1) == whole, "a split changes what comes out")
  if whole.isAtEnd, case .pushPull(let header) = whole.events.first { rewrite(header, whole.events) }
  return 0
}

private func read(_ stream: ArraySlice<UInt8>, chunk: Int) -> Outcome {
  var decoder = GossipStreamDecoder()
  var outcome = Outcome()
  var rest = stream
  do throws(GossipError) {
    while !rest.isEmpty {
      var part = rest.prefix(chunk)
      rest = rest.dropFirst(chunk)
      while let event = try decoder.next(from: &part) { outcome.events.append(event) }
      precondition(part.isEmpty, "bytes left over while more are asked for")
    }
  } catch {
    outcome.error = withoutPlace(error)
  }
  outcome.isAtEnd = decoder.isAtEnd
  return outcome
}

/// An error's place counts from where the reader began again.
private func withoutPlace(_ error: GossipError) -> GossipError {
  guard case .malformed(let error) = error else { return error }
  return .malformed(MessagePackError(error.reason, offset: 0))
}

private func rewrite(_ header: PushPullHeader, _ events: [GossipStreamEvent]) {
  var nodes: [PushPullNode] = []
  var left: [NodeName] = []
  var times: [(name: NodeName, time: LamportTime)] = []
  for event in events {
    switch event {
    case .node(let node): nodes.append(node)
    case .state(.leftMember(let name)): left.append(name)
    case .state(.statusTime(let name, let time)): times.append((name, time))
    default: break
    }
  }
  let state = SerfState(memberClock: 1, eventClock: 2, queryClock: 3, leftMembers: left, statusTimes: times)
  var writer = PushPullWriter(isJoin: header.isJoin, nodes: nodes, serfState: state)
  var stream: [UInt8] = []
  while let piece = writer.next(atLeast: 1000) { stream += piece }
  let again = read(stream[...], chunk: stream.count)
  precondition(again.isAtEnd && again.error == nil, "what we write cannot be read")
  let header = PushPullHeader(
    isJoin: header.isJoin, nodeCount: UInt32(nodes.count), userStateBytes: SerfStateWriter(state).encodedBytes)
  let expected: [GossipStreamEvent] =
    [.pushPull(header)] + nodes.map { .node($0) }
    + [.state(.eventClock(2)), .state(.memberClock(1))] + left.map { .state(.leftMember($0)) }
    + [.state(.queryClock(3))] + times.map { .state(.statusTime($0.name, $0.time)) } + [.end]
  precondition(again.events == expected, "another push/pull after a round trip")
}
