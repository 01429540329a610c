import Basics

extension MemberlistMessage {
  /// The message as it stands in a packet, type byte included.
  public var encoded: [UInt8] {
    var encoder = MessagePackEncoder(appendingTo: [type.rawValue])
    switch self {
    case .ping(let ping): ping.encode(to: &encoder)
    case .indirectPing(let ping): ping.encode(to: &encoder)
    case .ack(let sequence, let payload):
      encoder.map(2)
      encoder.key("Payload")
      encoder.binary(payload)
      encoder.key("SeqNo")
      encoder.unsigned(sequence)
    case .nack(let sequence):
      encoder.map(1)
      encoder.key("SeqNo")
      encoder.unsigned(sequence)
    case .suspect(let accusation), .dead(let accusation): accusation.encode(to: &encoder)
    case .alive(let alive): alive.encode(to: &encoder)
    case .user(let message): encoder.append(message)
    case .error(let text):
      encoder.map(1)
      encoder.key("Error")
      encoder.text(text)
    }
    return encoder.bytes
  }

  private var type: MemberlistMessageType {
    switch self {
    case .ping: .ping
    case .indirectPing: .indirectPing
    case .ack: .ack
    case .nack: .nack
    case .suspect: .suspect
    case .alive: .alive
    case .dead: .dead
    case .user: .user
    case .error: .error
    }
  }
}

// Fields stand in alphabetical order of their names, as in every peer's messages.

extension MemberlistMessage.Ping {
  fileprivate func encode(to encoder: inout MessagePackEncoder) {
    encoder.map(2 + MemberlistMessage.Prober.fieldCount(prober))
    encoder.key("Node")
    encoder.text(node)
    encoder.key("SeqNo")
    encoder.unsigned(sequence)
    prober?.encode(to: &encoder)
  }
}

extension MemberlistMessage.IndirectPing {
  fileprivate func encode(to encoder: inout MessagePackEncoder) {
    encoder.map(5 + MemberlistMessage.Prober.fieldCount(prober))
    encoder.key("Nack")
    encoder.bool(wantsNack)
    encoder.key("Node")
    encoder.text(node)
    encoder.key("Port")
    encoder.unsigned(target.port)
    encoder.key("SeqNo")
    encoder.unsigned(sequence)
    prober?.encode(to: &encoder)
    encoder.key("Target")
    encoder.binary(target.address.networkBytes)
  }
}

extension MemberlistMessage.Prober {
  fileprivate static func fieldCount(_ prober: Self?) -> Int {
    guard let prober else { return 0 }
    return prober.name.isEmpty ? 2 : 3
  }

  fileprivate func encode(to encoder: inout MessagePackEncoder) {
    encoder.key("SourceAddr")
    encoder.binary(address.address.networkBytes)
    if !name.isEmpty {
      encoder.key("SourceNode")
      encoder.text(name)
    }
    encoder.key("SourcePort")
    encoder.unsigned(address.port)
  }
}

extension MemberlistMessage.Accusation {
  fileprivate func encode(to encoder: inout MessagePackEncoder) {
    encoder.map(3)
    encoder.key("From")
    encoder.text(from)
    encoder.key("Incarnation")
    encoder.unsigned(incarnation)
    encoder.key("Node")
    encoder.text(node)
  }
}

extension MemberlistMessage.Alive {
  fileprivate func encode(to encoder: inout MessagePackEncoder) {
    encoder.map(6)
    encoder.key("Addr")
    encoder.binary(address.address.networkBytes)
    encoder.key("Incarnation")
    encoder.unsigned(incarnation)
    encoder.key("Meta")
    encoder.binary(meta)
    encoder.key("Node")
    encoder.text(node)
    encoder.key("Port")
    encoder.unsigned(address.port)
    encoder.key("Vsn")
    encoder.binary(versions?.bytes ?? [])
  }
}
