import MicroAgent
import Microcloud

/// The messages that answer requests.
enum Responses {
  /// The request was carried out.
  static func done(_ request: ControlRequest, name: String, notices: [String] = []) -> CoAPMessage {
    switch request.request {
    case .run: created(name, in: "containers", request)
    case .publish: created(name, in: "publications", request)
    case .makeImage: created(name, in: "images", request, notices)
    case .remove, .unpublish, .releaseLease, .drain(false), .disown, .closeClaim, .removeImage:
      CoAPMessage(code: .deleted, token: request.token)
    case .attend(_, _, .hangUp): CoAPMessage(code: .deleted, token: request.token)
    case .start, .pause, .resume, .stop, .kill, .update, .list, .inspect, .top, .logs, .exec, .inspectExec, .attend,
      .usage,
      .metrics, .plan, .info,
      .nodes, .search, .searchNode, .publications, .offer, .lease, .leases, .inspectLease, .changeLease, .drain(true),
      .revocations, .revoke, .events, .settings, .changeSettings, .owner, .own, .openClaim, .audit, .resets, .blob,
      .putBlob, .images, .inspectImage:
      CoAPMessage(code: .changed, token: request.token)
    }
  }

  /// The lease that was asked for, or what has become of it.
  static func lease(_ status: LeaseStatus, _ request: ControlRequest) -> CoAPMessage {
    guard case .lease = request.request else {
      return CoAPMessage(code: .changed, token: request.token, cbor: status.value)
    }
    var message = CoAPMessage(code: .created, token: request.token, cbor: status.value)
    message.options.add(CoAPOption(.locationPath, "leases"))
    message.options.add(CoAPOption(.locationPath, "\(status.lease.id)"))
    return message
  }

  private static func created(
    _ name: String, in collection: String, _ request: ControlRequest, _ notices: [String] = []
  ) -> CoAPMessage {
    var map = CBORMap()
    map[.name] = .text(name)
    if !notices.isEmpty { map[.notices] = .array(notices.map { .text($0) }) }
    var message = CoAPMessage(code: .created, token: request.token, cbor: .map(map))
    message.options.add(CoAPOption(.locationPath, collection))
    message.options.add(CoAPOption(.locationPath, name))
    return message
  }

  static func content(
    _ value: CBORValue, _ format: CoAPContentFormat = .cbor, token: [UInt8]
  ) -> CoAPMessage {
    var message = CoAPMessage(code: .content, token: token, payload: value.encoded)
    message.contentFormat = format
    return message
  }
}
