import MicroAgent
import Microcloud

/// The messages that answer requests.
enum Responses {
  /// The request was carried out.
  static func done(_ request: ControlRequest, name: String) -> CoAPMessage {
    switch request.request {
    case .run: created(name, in: "containers", request)
    case .publish: created(name, in: "publications", request)
    case .remove, .unpublish: CoAPMessage(code: .deleted, token: request.token)
    case .start, .stop, .list, .inspect, .logs, .usage, .plan, .info, .nodes, .search, .searchNode,
      .publications:
      CoAPMessage(code: .changed, token: request.token)
    }
  }

  private static func created(_ name: String, in collection: String, _ request: ControlRequest) -> CoAPMessage {
    var map = CBORMap()
    map[.name] = .text(name)
    var message = CoAPMessage(code: .created, token: request.token, cbor: .map(map))
    message.options.add(CoAPOption(.locationPath, collection))
    message.options.add(CoAPOption(.locationPath, name))
    return message
  }

  static func content(_ value: CBORValue, token: [UInt8]) -> CoAPMessage {
    CoAPMessage(code: .content, token: token, cbor: value)
  }
}
