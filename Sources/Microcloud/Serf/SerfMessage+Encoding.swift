import Basics

extension SerfMessage {
  /// The message as it stands in memberlist's user message, type byte included.
  public var encoded: [UInt8] {
    var encoder = MessagePackEncoder(appendingTo: [type.rawValue])
    switch self {
    case .leave(let leave): leave.encode(to: &encoder)
    case .join(let join): join.encode(to: &encoder)
    case .userEvent(let event): event.encode(to: &encoder)
    case .query(let query): query.encode(to: &encoder)
    case .queryResponse(let response): response.encode(to: &encoder)
    case .conflictResponse(let record?): record.encode(to: &encoder)
    case .conflictResponse(nil): encoder.null()
    case .keyRequest(let key):
      encoder.map(1)
      encoder.key("Key")
      encoder.binary(key)
    case .keyResponse(let response): response.encode(to: &encoder)
    case .relay(let relay): relay.encode(to: &encoder)
    }
    return encoder.bytes
  }

  private var type: SerfMessageType {
    switch self {
    case .leave: .leave
    case .join: .join
    case .userEvent: .userEvent
    case .query: .query
    case .queryResponse: .queryResponse
    case .conflictResponse: .conflictResponse
    case .keyRequest: .keyRequest
    case .keyResponse: .keyResponse
    case .relay: .relay
    }
  }
}

// Fields stand in alphabetical order of their names, as in every peer's messages.

extension MessagePackEncoder {
  mutating func key(_ name: StaticString, _ time: LamportTime) {
    key(name)
    unsigned(time.rawValue)
  }
}

extension SerfMessage.Leave {
  fileprivate func encode(to encoder: inout MessagePackEncoder) {
    encoder.map(3)
    encoder.key("LTime", time)
    encoder.key("Node")
    encoder.text(node)
    encoder.key("Prune")
    encoder.bool(prunes)
  }
}

extension SerfMessage.Join {
  fileprivate func encode(to encoder: inout MessagePackEncoder) {
    encoder.map(2)
    encoder.key("LTime", time)
    encoder.key("Node")
    encoder.text(node)
  }
}

extension SerfMessage.UserEvent {
  fileprivate func encode(to encoder: inout MessagePackEncoder) {
    encoder.map(4)
    encoder.key("CC")
    encoder.bool(coalesces)
    encoder.key("LTime", time)
    encoder.key("Name")
    encoder.text(name)
    encoder.key("Payload")
    encoder.binary(payload)
  }
}

extension SerfMessage.Query {
  fileprivate func encode(to encoder: inout MessagePackEncoder) {
    encoder.map(11)
    encoder.key("Addr")
    encoder.binary(source?.address.networkBytes ?? [])
    encoder.key("Filters")
    QueryFilter.encode(filters, to: &encoder)
    encoder.key("Flags")
    encoder.unsigned(flags.rawValue)
    encoder.key("ID")
    encoder.unsigned(id)
    encoder.key("LTime", time)
    encoder.key("Name")
    encoder.text(name)
    encoder.key("Payload")
    encoder.binary(payload)
    encoder.key("Port")
    encoder.unsigned(source?.port ?? 0)
    encoder.key("RelayFactor")
    encoder.unsigned(relayFactor)
    encoder.key("SourceNode")
    encoder.text(sourceNode)
    encoder.key("Timeout")
    encoder.integer(timeoutNanoseconds)
  }
}

extension SerfMessage.QueryResponse {
  /// The bit of `Flags` that makes a response an acknowledgement.
  static let acknowledgementFlag: UInt32 = 1

  fileprivate func encode(to encoder: inout MessagePackEncoder) {
    encoder.map(5)
    encoder.key("Flags")
    encoder.unsigned(isAcknowledgement ? Self.acknowledgementFlag : 0)
    encoder.key("From")
    encoder.text(from)
    encoder.key("ID")
    encoder.unsigned(id)
    encoder.key("LTime", time)
    encoder.key("Payload")
    encoder.binary(payload)
  }
}

extension SerfMessage.KeyResponse {
  fileprivate func encode(to encoder: inout MessagePackEncoder) {
    encoder.map(4)
    encoder.key("Keys")
    if keys.isEmpty { encoder.null() } else { encoder.array(keys.count) }
    for key in keys { encoder.text(key) }
    encoder.key("Message")
    encoder.text(message)
    encoder.key("PrimaryKey")
    encoder.text(primaryKey)
    encoder.key("Result")
    encoder.bool(isSuccess)
  }
}

extension SerfMessage.Relay {
  fileprivate func encode(to encoder: inout MessagePackEncoder) {
    encoder.map(2)
    encoder.key("DestAddr")
    encoder.map(3)
    encoder.key("IP")
    encoder.binary(destination.address.networkBytes)
    encoder.key("Port")
    encoder.unsigned(destination.port)
    encoder.key("Zone")
    encoder.text("")
    encoder.key("DestName")
    encoder.text(destinationName)
    encoder.append(message)
  }
}

extension MemberRecord {
  fileprivate func encode(to encoder: inout MessagePackEncoder) {
    encoder.map(11)
    encoder.key("Addr")
    encoder.binary(address.address.networkBytes)
    encoder.key("DelegateCur")
    encoder.unsigned(versions.serf.current)
    encoder.key("DelegateMax")
    encoder.unsigned(versions.serf.maximum)
    encoder.key("DelegateMin")
    encoder.unsigned(versions.serf.minimum)
    encoder.key("Name")
    encoder.text(name)
    encoder.key("Port")
    encoder.unsigned(address.port)
    encoder.key("ProtocolCur")
    encoder.unsigned(versions.memberlist.current)
    encoder.key("ProtocolMax")
    encoder.unsigned(versions.memberlist.maximum)
    encoder.key("ProtocolMin")
    encoder.unsigned(versions.memberlist.minimum)
    encoder.key("Status")
    encoder.unsigned(status.rawValue)
    encoder.key("Tags")
    tags.encodeMap(to: &encoder)
  }
}

extension QueryFilter {
  /// The byte before the condition: which kind it is.
  enum Kind: UInt8 {
    case nodes = 0
    case tag = 1
  }

  fileprivate static func encode(_ filters: [QueryFilter], to encoder: inout MessagePackEncoder) {
    if filters.isEmpty { return encoder.null() }
    encoder.array(filters.count)
    for filter in filters { encoder.binary(filter.encoded) }
  }

  private var encoded: [UInt8] {
    switch self {
    case .nodes(let names):
      var encoder = MessagePackEncoder(appendingTo: [Kind.nodes.rawValue])
      encoder.array(names.count)
      for name in names { encoder.text(name) }
      return encoder.bytes
    case .tag(let name, let expression):
      var encoder = MessagePackEncoder(appendingTo: [Kind.tag.rawValue])
      encoder.map(2)
      encoder.key("Expr")
      encoder.text(expression)
      encoder.key("Tag")
      encoder.text(name)
      return encoder.bytes
    case .unknown(let bytes): return bytes
    }
  }
}
