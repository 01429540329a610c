/// What a packet (UDP) brought: the messages in it, out of whatever compounds and compression they came in.
public struct MemberlistPacket: Equatable, Sendable {
  /// The most that a packet's compressed parts together may expand to.
  public static let maximumExpandedBytes = 64 * 1024
  /// The most messages taken out of one packet.
  public static let maximumMessages = 1024
  /// Compounds and compression inside one another; two are customary.
  public static let maximumDepth = 4

  /// In the order in which they came.
  public fileprivate(set) var messages: [MemberlistMessage] = []
  /// Why parts of a compound were passed over while others were taken.
  public fileprivate(set) var faults: [GossipError] = []

  /// Reads a packet. With a `cipher` only packets are taken that one of its keys opens.
  ///
  /// A compound gives those of its parts that make sense, and `faults` for the others; anything else is whole or an
  /// error.
  public static func decode(
    _ packet: ArraySlice<UInt8>, cipher: GossipCipher? = nil
  ) throws(GossipError) -> MemberlistPacket {
    if packet.first == MemberlistMessageType.label.rawValue { throw .labelled }
    let content = if let cipher { try cipher.openPacket(packet)[...] } else { packet }
    var reader = PacketReader()
    try reader.read(try MemberlistPacket.verified(content), depth: 0)
    return reader.packet
  }

  /// What follows the checksum, if there is one.
  private static func verified(_ content: ArraySlice<UInt8>) throws(GossipError) -> ArraySlice<UInt8> {
    guard content.first == MemberlistMessageType.checksummed.rawValue else { return content }
    guard content.count > 5 else { throw .checksum }
    let expected = content.dropFirst().prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    let rest = content.dropFirst(5)
    if CRC32.checksum(rest) != expected { throw .checksum }
    return rest
  }
}

private struct PacketReader {
  var packet = MemberlistPacket()
  private var expandedBytes = 0

  /// Takes a message, or the messages in it.
  mutating func read(_ bytes: ArraySlice<UInt8>, depth: Int) throws(GossipError) {
    guard let first = bytes.first else { throw .empty }
    if depth > MemberlistPacket.maximumDepth { throw .tooDeep }
    guard let type = MemberlistMessageType(rawValue: first) else { throw .unexpectedMessage(type: first) }
    let body = bytes.dropFirst()
    switch type {
    case .compound: try readCompound(body, depth: depth)
    case .compressed: try read(try expand(body)[...], depth: depth + 1)
    case .user: try add(.user(Array(body)))
    case .ping, .indirectPing, .ack, .nack, .suspect, .alive, .dead:
      try add(try MemberlistMessage(type: type, body: body))
    case .pushPull, .encrypted, .checksummed, .error, .label: throw .unexpectedMessage(type: first)
    }
  }

  private mutating func add(_ message: MemberlistMessage) throws(GossipError) {
    if packet.messages.count == MemberlistPacket.maximumMessages { throw .tooMany }
    packet.messages.append(message)
  }

  /// A count, as many lengths of two bytes, and the parts. Of one that was cut off the whole parts count.
  private mutating func readCompound(_ body: ArraySlice<UInt8>, depth: Int) throws(GossipError) {
    guard let count = body.first, body.count > 2 * Int(count) else { throw .truncatedCompound }
    let lengths = body.dropFirst().prefix(2 * Int(count))
    var parts = body.dropFirst(1 + lengths.count)
    for index in stride(from: lengths.startIndex, to: lengths.endIndex, by: 2) {
      let length = Int(lengths[index]) << 8 | Int(lengths[index + 1])
      guard length <= parts.count else { return fault(.truncatedCompound) }
      do throws(GossipError) {
        try read(parts.prefix(length), depth: depth + 1)
      } catch {
        fault(error)
      }
      parts = parts.dropFirst(length)
    }
  }

  private mutating func fault(_ error: GossipError) {
    if packet.faults.count < MemberlistPacket.maximumMessages { packet.faults.append(error) }
  }

  private mutating func expand(_ body: ArraySlice<UInt8>) throws(GossipError) -> [UInt8] {
    let compressed = try CompressedMessage(body: body)
    var input = compressed.content
    var output: [UInt8] = []
    var decoder = LZWDecoder()
    let limit = MemberlistPacket.maximumExpandedBytes - expandedBytes
    try decoder.expand(&input, into: &output, limit: limit + 1)
    expandedBytes += min(output.count, limit)
    if output.count > limit { throw .tooLarge }
    if !decoder.isAtEnd { throw .corruptCompression }
    return output
  }
}

extension MemberlistMessage {
  fileprivate init(type: MemberlistMessageType, body: ArraySlice<UInt8>) throws(GossipError) {
    var reader = MessagePackReader(body)
    do throws(MessagePackError) {
      try self.init(type: type, from: &reader)
    } catch {
      throw .malformed(error)
    }
  }
}

/// A compressed message that is there as a whole.
private struct CompressedMessage {
  var algorithm: UInt8 = 0
  var content: ArraySlice<UInt8> = []

  init(body: ArraySlice<UInt8>) throws(GossipError) {
    var reader = MessagePackReader(body)
    do throws(MessagePackError) {
      var fields = try reader.fields()
      while let name = try reader.next(&fields) {
        switch name {
        case "Algo": algorithm = try reader.unsigned(as: UInt8.self)
        case "Buf": content = try reader.raw()
        default: try reader.skip()
        }
      }
    } catch {
      throw .malformed(error)
    }
    if algorithm != 0 { throw .unknownCompression(algorithm) }
  }
}
