// sources: Sources/Microcloud/MessagePack Sources/Microcloud/Memberlist Sources/Microcloud/Serf Sources/Microcloud/CBOR Sources/Basics
// What decodes encodes to bytes that decode to it, and what is in it does so, too; a packet of ours is understood.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzGossipPacket(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  do throws(GossipError) {
    let packet = try MemberlistPacket.decode(input[...])
    precondition(packet.messages.count <= MemberlistPacket.maximumMessages)
    for message in packet.messages { check(message) }
    for fault in packet.faults { precondition(!fault.description.isEmpty) }
    repack(packet.messages)
  } catch {
    precondition(!error.description.isEmpty)
  }
  return 0
}

private func repack(_ messages: [MemberlistMessage]) {
  var builder = PacketBuilder(hasChecksum: true)
  var packed: [MemberlistMessage] = []
  for message in messages where builder.add(message.encoded) { packed.append(message) }
  guard let packet = builder.finish() else { return }
  precondition(packet.count <= PacketBuilder.customaryBudgetBytes, "a packet beyond its budget")
  precondition(
    try! MemberlistPacket.decode(packet[...]) == MemberlistPacket(messages: packed),
    "a packet of ours is not understood")
}

private func check(_ message: MemberlistMessage) {
  precondition(
    try! MemberlistPacket.decode(message.encoded[...]).messages == [message], "another message after a round trip")
  switch message {
  case .alive(let alive):
    guard let tags = try? Tags(meta: alive.meta), let again = try? Tags(meta: tags.encoded) else { break }
    precondition(again == tags, "other tags after a round trip")
  case .ack(_, let payload):
    guard let coordinate = try? Coordinate(payload: payload), coordinate.isValid else { break }
    precondition(try! Coordinate(payload: coordinate.encoded) == coordinate, "another coordinate after a round trip")
  case .user(let content):
    if let serf = try? SerfMessage.decode(content[...]) { check(serf) }
  default: break
  }
}

private func check(_ serf: SerfMessage) {
  precondition(try! SerfMessage.decode(serf.encoded[...]) == serf, "another Serf message after a round trip")
  if case .query(let query) = serf { _ = query.selects("alix", tags: ["role": "web-1"]) }
}
