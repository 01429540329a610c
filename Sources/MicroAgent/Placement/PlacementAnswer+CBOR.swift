import Microcloud

extension Placement.Answer {
  /// What a node answered to a request for a lease, or a look at one.
  public init(lease value: CBORValue) {
    guard let id = value[.id]?.unsignedValue else {
      self = .done
      return
    }
    let phase: Lease.Phase =
      switch value[.phase]?.textValue {
      case "tentative": .tentative
      case "over": .over
      default: .active
      }
    self = .lease(id: id, requestID: value[.requestID]?.bytesValue ?? [], phase: phase)
  }

  /// What it answered to a look at a container.
  public init(container value: CBORValue) {
    self = .container(lease: value[.request]?[.lease]?.unsignedValue)
  }
}

extension RequestError.Kind {
  /// What an answer that is no success means to who places a container.
  public init(_ code: CoAPCode) {
    switch code {
    case .badRequest: self = .invalid
    case .forbidden: self = .forbidden
    case .notFound: self = .notFound
    case .conflict: self = .conflict
    case .serviceUnavailable: self = .noRoom
    default: self = .failed
    }
  }
}
