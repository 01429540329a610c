import Basics

extension SerfMessage.Query {
  init(from reader: inout MessagePackReader) throws(MessagePackError) {
    self.init(time: 0, id: 0, source: nil, sourceNode: .none, timeoutNanoseconds: 0, name: "")
    var address: IPAddress?
    var port: UInt16 = 0
    var fields = try reader.fields()
    while let field = try reader.next(&fields) {
      switch field {
      case "Addr": address = try reader.address()
      case "Filters": filters = try QueryFilter.list(from: &reader)
      case "Flags": flags = Flags(rawValue: try reader.unsigned(as: UInt32.self))
      case "ID": id = try reader.unsigned(as: UInt32.self)
      case "LTime": time = try reader.lamportTime()
      case "Name": name = try reader.text()
      case "Payload": payload = Array(try reader.raw())
      case "Port": port = try reader.unsigned(as: UInt16.self)
      case "RelayFactor": relayFactor = try reader.unsigned(as: UInt8.self)
      case "SourceNode": sourceNode = try reader.optionalName()
      case "Timeout": timeoutNanoseconds = try reader.integer()
      default: try reader.skip()
      }
    }
    source = address.map { SocketAddress($0, port: port) }
  }
}

extension QueryFilter {
  /// The most filters that we judge; of a query with more the last one is `unknown`, so that we do not answer it.
  public static let maximumCount = 8
  /// The most names in a filter.
  public static let maximumNames = 1024

  fileprivate static func list(from reader: inout MessagePackReader) throws(MessagePackError) -> [QueryFilter] {
    var filters: [QueryFilter] = []
    for _ in 0..<(try reader.array()) {
      let bytes = try reader.raw()
      if filters.count < maximumCount {
        filters.append(QueryFilter(bytes))
      } else {
        filters[maximumCount - 1] = .unknown([])
      }
    }
    return filters
  }

  /// The filter of these bytes; `unknown` if they make no sense, for then the query is still to be passed on.
  private init(_ bytes: ArraySlice<UInt8>) {
    var reader = MessagePackReader(bytes.dropFirst())
    do throws(MessagePackError) {
      switch bytes.first.flatMap({ Kind(rawValue: $0) }) {
      case .nodes: self = .nodes(try Self.names(from: &reader))
      case .tag: self = try Self.tag(from: &reader)
      case nil: self = .unknown(Array(bytes))
      }
    } catch {
      self = .unknown(Array(bytes))
    }
  }

  private static func names(from reader: inout MessagePackReader) throws(MessagePackError) -> [NodeName] {
    var names: [NodeName] = []
    for _ in 0..<(try reader.array(limit: maximumNames)) { names.append(try reader.optionalName()) }
    return names
  }

  private static func tag(from reader: inout MessagePackReader) throws(MessagePackError) -> QueryFilter {
    var tag = ""
    var expression = ""
    var fields = try reader.fields()
    while let name = try reader.next(&fields) {
      switch name {
      case "Expr": expression = try reader.text()
      case "Tag": tag = try reader.text()
      default: try reader.skip()
      }
    }
    return .tag(name: tag, expression: expression)
  }
}

extension MemberRecord {
  init(from reader: inout MessagePackReader) throws(MessagePackError) {
    var address: IPAddress?
    var port: UInt16 = 0
    var record = MemberRecord(
      name: .none, address: SocketAddress(.anyV4, port: 0), tags: Tags(), status: .unknown,
      versions: ProtocolVersions(memberlist: .none, serf: .none))
    var fields = try reader.fields()
    while let field = try reader.next(&fields) {
      switch field {
      case "Addr": address = try reader.address()
      case "DelegateCur": record.versions.serf.current = try reader.unsigned(as: UInt8.self)
      case "DelegateMax": record.versions.serf.maximum = try reader.unsigned(as: UInt8.self)
      case "DelegateMin": record.versions.serf.minimum = try reader.unsigned(as: UInt8.self)
      case "Name": record.name = try reader.optionalName()
      case "Port": port = try reader.unsigned(as: UInt16.self)
      case "ProtocolCur": record.versions.memberlist.current = try reader.unsigned(as: UInt8.self)
      case "ProtocolMax": record.versions.memberlist.maximum = try reader.unsigned(as: UInt8.self)
      case "ProtocolMin": record.versions.memberlist.minimum = try reader.unsigned(as: UInt8.self)
      case "Status": record.status = Status(rawValue: try reader.unsigned(as: UInt8.self)) ?? .unknown
      case "Tags": record.tags = try Tags(map: &reader)
      default: try reader.skip()
      }
    }
    record.name = try reader.required(record.name)
    record.address = try reader.required(address, port: port)
    self = record
  }
}

extension VersionRange {
  fileprivate static let none = VersionRange(minimum: 0, maximum: 0, current: 0)
}
