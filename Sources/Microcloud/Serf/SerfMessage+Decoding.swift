import Basics

extension SerfMessage {
  /// The message of a user message or of an internal query's payload. Bytes after it are passed over, fields that are
  /// absent are zero.
  public static func decode(_ bytes: ArraySlice<UInt8>) throws(GossipError) -> SerfMessage {
    guard let first = bytes.first else { throw .empty }
    guard let type = SerfMessageType(rawValue: first), type != .pushPull else {
      throw .unexpectedMessage(type: first)
    }
    var reader = MessagePackReader(bytes.dropFirst())
    do throws(MessagePackError) {
      return try SerfMessage(type: type, from: &reader)
    } catch {
      throw .malformed(error)
    }
  }

  private init(type: SerfMessageType, from reader: inout MessagePackReader) throws(MessagePackError) {
    switch type {
    case .leave: self = .leave(try Leave(from: &reader))
    case .join: self = .join(try Join(from: &reader))
    case .userEvent: self = .userEvent(try UserEvent(from: &reader))
    case .query: self = .query(try Query(from: &reader))
    case .queryResponse: self = .queryResponse(try QueryResponse(from: &reader))
    case .conflictResponse: self = .conflictResponse(reader.takeNull() ? nil : try MemberRecord(from: &reader))
    case .keyRequest: self = .keyRequest(key: try Self.key(from: &reader))
    case .keyResponse: self = .keyResponse(try KeyResponse(from: &reader))
    case .relay: self = .relay(try Relay(from: &reader))
    case .pushPull: preconditionFailure("streams only")
    }
  }

  private static func key(from reader: inout MessagePackReader) throws(MessagePackError) -> [UInt8] {
    var key: [UInt8] = []
    var fields = try reader.fields()
    while let name = try reader.next(&fields) {
      switch name {
      case "Key": key = Array(try reader.raw())
      default: try reader.skip()
      }
    }
    return key
  }
}

extension MessagePackReader {
  mutating func lamportTime() throws(MessagePackError) -> LamportTime {
    LamportTime(rawValue: try unsigned())
  }
}

extension SerfMessage.Leave {
  fileprivate init(from reader: inout MessagePackReader) throws(MessagePackError) {
    self.init(time: 0, node: .none)
    var fields = try reader.fields()
    while let name = try reader.next(&fields) {
      switch name {
      case "LTime": time = try reader.lamportTime()
      case "Node": node = try reader.optionalName()
      case "Prune": prunes = try reader.bool()
      default: try reader.skip()
      }
    }
    node = try reader.required(node)
  }
}

extension SerfMessage.Join {
  fileprivate init(from reader: inout MessagePackReader) throws(MessagePackError) {
    self.init(time: 0, node: .none)
    var fields = try reader.fields()
    while let name = try reader.next(&fields) {
      switch name {
      case "LTime": time = try reader.lamportTime()
      case "Node": node = try reader.optionalName()
      default: try reader.skip()
      }
    }
    node = try reader.required(node)
  }
}

extension SerfMessage.UserEvent {
  fileprivate init(from reader: inout MessagePackReader) throws(MessagePackError) {
    self.init(time: 0, name: "", payload: [], coalesces: false)
    var fields = try reader.fields()
    while let field = try reader.next(&fields) {
      switch field {
      case "CC": coalesces = try reader.bool()
      case "LTime": time = try reader.lamportTime()
      case "Name": name = try reader.text()
      case "Payload": payload = Array(try reader.raw())
      default: try reader.skip()
      }
    }
  }
}

extension SerfMessage.QueryResponse {
  fileprivate init(from reader: inout MessagePackReader) throws(MessagePackError) {
    self.init(time: 0, id: 0, from: .none, isAcknowledgement: false)
    var fields = try reader.fields()
    while let name = try reader.next(&fields) {
      switch name {
      case "Flags": isAcknowledgement = try reader.unsigned(as: UInt32.self) & Self.acknowledgementFlag != 0
      case "From": from = try reader.optionalName()
      case "ID": id = try reader.unsigned(as: UInt32.self)
      case "LTime": time = try reader.lamportTime()
      case "Payload": payload = Array(try reader.raw())
      default: try reader.skip()
      }
    }
    from = try reader.required(from)
  }
}

extension SerfMessage.KeyResponse {
  fileprivate init(from reader: inout MessagePackReader) throws(MessagePackError) {
    self.init(isSuccess: false, message: "")
    var fields = try reader.fields()
    while let name = try reader.next(&fields) {
      switch name {
      case "Keys":
        for _ in 0..<(try reader.array(limit: Self.maximumKeys)) { keys.append(try reader.text()) }
      case "Message": message = try reader.text()
      case "PrimaryKey": primaryKey = try reader.text()
      case "Result": isSuccess = try reader.bool()
      default: try reader.skip()
      }
    }
  }
}

extension SerfMessage.Relay {
  fileprivate init(from reader: inout MessagePackReader) throws(MessagePackError) {
    var address: SocketAddress?
    var destinationName = NodeName.none
    var fields = try reader.fields()
    while let name = try reader.next(&fields) {
      switch name {
      case "DestAddr": address = try Self.destination(from: &reader)
      case "DestName": destinationName = try reader.optionalName()
      default: try reader.skip()
      }
    }
    guard let address else { throw reader.error(.unexpectedValue) }
    self.init(destination: address, destinationName: destinationName, message: Array(reader.rest))
  }

  private static func destination(from reader: inout MessagePackReader) throws(MessagePackError) -> SocketAddress {
    var address: IPAddress?
    var port: UInt16 = 0
    var fields = try reader.fields()
    while let name = try reader.next(&fields) {
      switch name {
      case "IP": address = try reader.address()
      case "Port": port = try reader.unsigned(as: UInt16.self)
      default: try reader.skip()
      }
    }
    return try reader.required(address, port: port)
  }
}
