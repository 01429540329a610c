import Microcloud

/// What is to be otherwise from now on with a container that is there: its budget, and its restart policy.
public struct ContainerChange: Equatable, Sendable {
  /// The message that carries it: of a container's request what changes.
  public let value: CBORValue

  /// Keys that are not known are refused, and a change of nothing.
  public init(_ value: CBORValue) throws(RequestError) {
    self.value = value
    let reader = try APIMapReader(value)
    try reader.refuseKeys { key in
      switch key {
      case .memoryBytes, .processes, .cpuMillis, .diskBytes, .restart: true
      default: false
      }
    }
    if value.mapValue?.entries.isEmpty ?? true { throw RequestError(.invalid, "update: say what is to be otherwise") }
    if value[.diskBytes]?.unsignedValue == 0 { throw RequestError(.invalid, Budget.tooLittleDisk(0)) }
    _ = try applied(to: ContainerRequest())
  }

  /// What the container would be asked for as that is like it, but for what changes.
  public func applied(to container: ContainerRequest) throws(RequestError) -> ContainerRequest {
    var request = container
    try request.readChangeable(try APIMapReader(value))
    return request
  }

  /// As `memoryBytes 8388608`, for the audit trail.
  var deed: String {
    (value.mapValue?.entries ?? []).map { entry in
      let name = entry.key.unsignedValue.flatMap { APIKey(rawValue: $0) }?.name ?? ""
      return " \(name) \(entry.value.textValue ?? "\(entry.value.unsignedValue ?? 0)")"
    }.joined()
  }
}
