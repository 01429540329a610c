import Basics

extension MemberlistMessage {
  /// The message of a type, from what stands after the type byte. Bytes after it are passed over, fields that are
  /// absent are zero, as they are to other members.
  init(
    type: MemberlistMessageType, from reader: inout MessagePackReader
  ) throws(MessagePackError) {
    switch type {
    case .ping: self = .ping(try Ping(from: &reader))
    case .indirectPing: self = .indirectPing(try IndirectPing(from: &reader))
    case .ack:
      let (sequence, payload) = try Self.answer(from: &reader)
      self = .ack(sequence: sequence, payload: payload)
    case .nack: self = .nack(sequence: try Self.answer(from: &reader).sequence)
    case .suspect: self = .suspect(try Accusation(from: &reader))
    case .alive: self = .alive(try Alive(from: &reader))
    case .dead: self = .dead(try Accusation(from: &reader))
    case .error: self = .error(try Self.errorText(from: &reader))
    case .pushPull, .compound, .user, .compressed, .encrypted, .checksummed, .label:
      preconditionFailure("not a message of fields")
    }
  }

  private static func answer(
    from reader: inout MessagePackReader
  ) throws(MessagePackError) -> (sequence: UInt32, payload: [UInt8]) {
    var sequence: UInt32 = 0
    var payload: [UInt8] = []
    var fields = try reader.fields()
    while let name = try reader.next(&fields) {
      switch name {
      case "Payload": payload = Array(try reader.raw())
      case "SeqNo": sequence = try reader.unsigned(as: UInt32.self)
      default: try reader.skip()
      }
    }
    return (sequence, payload)
  }

  private static func errorText(from reader: inout MessagePackReader) throws(MessagePackError) -> String {
    var text = ""
    var fields = try reader.fields()
    while let name = try reader.next(&fields) {
      switch name {
      case "Error": text = try reader.text()
      default: try reader.skip()
      }
    }
    return text
  }
}

// Members' names and addresses as fields.

extension MessagePackReader {
  /// A member's name, which may be left out.
  mutating func optionalName() throws(MessagePackError) -> NodeName {
    NodeName(try raw(limit: NodeName.maximumBytes))
  }

  /// An address of 4 or 16 bytes, nil for any other count.
  mutating func address() throws(MessagePackError) -> IPAddress? {
    IPAddress(networkBytes: try raw())?.unmapped
  }

  /// What a message cannot do without.
  func required(_ name: NodeName) throws(MessagePackError) -> NodeName {
    if name.isEmpty { throw error(.unexpectedValue) }
    return name
  }

  func required(_ address: IPAddress?, port: UInt16) throws(MessagePackError) -> SocketAddress {
    guard let address else { throw error(.unexpectedValue) }
    return SocketAddress(address, port: port)
  }
}

extension IPAddress {
  /// An IPv4 address instead of one that is mapped into IPv6 (RFC 4291 section 2.5.5.2), as Go has them.
  fileprivate var unmapped: IPAddress {
    guard case .v6(0, let low) = self, low >> 32 == 0xFFFF else { return self }
    return .v4(UInt32(truncatingIfNeeded: low))
  }
}

// The fields of a prober, which stand among those of a ping.
private struct ProberFields {
  private var address: IPAddress?
  private var port: UInt16 = 0
  private var name = NodeName.none

  mutating func read(
    _ field: MessagePackReader.FieldName, from reader: inout MessagePackReader
  ) throws(MessagePackError) {
    switch field {
    case "SourceAddr": address = try reader.address()
    case "SourcePort": port = try reader.unsigned(as: UInt16.self)
    case "SourceNode": name = try reader.optionalName()
    default: try reader.skip()
    }
  }

  var prober: MemberlistMessage.Prober? {
    guard let address, port > 0 else { return nil }
    return MemberlistMessage.Prober(address: SocketAddress(address, port: port), name: name)
  }
}

extension MemberlistMessage.Ping {
  fileprivate init(from reader: inout MessagePackReader) throws(MessagePackError) {
    self.init(sequence: 0, node: .none)
    var source = ProberFields()
    var fields = try reader.fields()
    while let name = try reader.next(&fields) {
      switch name {
      case "Node": node = try reader.optionalName()
      case "SeqNo": sequence = try reader.unsigned(as: UInt32.self)
      default: try source.read(name, from: &reader)
      }
    }
    prober = source.prober
  }
}

extension MemberlistMessage.IndirectPing {
  fileprivate init(from reader: inout MessagePackReader) throws(MessagePackError) {
    var sequence: UInt32 = 0
    var node = NodeName.none
    var address: IPAddress?
    var port: UInt16 = 0
    var wantsNack = false
    var source = ProberFields()
    var fields = try reader.fields()
    while let name = try reader.next(&fields) {
      switch name {
      case "Nack": wantsNack = try reader.bool()
      case "Node": node = try reader.optionalName()
      case "Port": port = try reader.unsigned(as: UInt16.self)
      case "SeqNo": sequence = try reader.unsigned(as: UInt32.self)
      case "Target": address = try reader.address()
      default: try source.read(name, from: &reader)
      }
    }
    self.init(
      sequence: sequence, target: try reader.required(address, port: port), node: node, wantsNack: wantsNack,
      prober: source.prober)
  }
}

extension MemberlistMessage.Accusation {
  fileprivate init(from reader: inout MessagePackReader) throws(MessagePackError) {
    self.init(incarnation: 0, node: .none, from: .none)
    var fields = try reader.fields()
    while let name = try reader.next(&fields) {
      switch name {
      case "From": from = try reader.optionalName()
      case "Incarnation": incarnation = try reader.unsigned(as: UInt32.self)
      case "Node": node = try reader.optionalName()
      default: try reader.skip()
      }
    }
    node = try reader.required(node)
  }
}

extension MemberlistMessage.Alive {
  fileprivate init(from reader: inout MessagePackReader) throws(MessagePackError) {
    var incarnation: UInt32 = 0
    var node = NodeName.none
    var address: IPAddress?
    var port: UInt16 = 0
    var meta: [UInt8] = []
    var versions: ProtocolVersions?
    var fields = try reader.fields()
    while let name = try reader.next(&fields) {
      switch name {
      case "Addr": address = try reader.address()
      case "Incarnation": incarnation = try reader.unsigned(as: UInt32.self)
      case "Meta": meta = Array(try reader.raw(limit: Tags.maximumBytes))
      case "Node": node = try reader.optionalName()
      case "Port": port = try reader.unsigned(as: UInt16.self)
      case "Vsn": versions = ProtocolVersions(bytes: try reader.raw())
      default: try reader.skip()
      }
    }
    self.init(
      incarnation: incarnation, node: try reader.required(node), address: try reader.required(address, port: port),
      meta: meta, versions: versions)
  }
}
