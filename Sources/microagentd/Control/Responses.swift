import MicroAgent
import Microcloud

/// The messages that answer requests.
enum Responses {
  /// The request was carried out.
  static func done(_ request: ControlRequest, name: String) -> CoAPMessage {
    switch request.request {
    case .run:
      var map = CBORMap()
      map[.name] = .text(name)
      var message = CoAPMessage(code: .created, token: request.token, cbor: .map(map))
      message.options.add(CoAPOption(.locationPath, "containers"))
      message.options.add(CoAPOption(.locationPath, name))
      return message
    case .remove:
      return CoAPMessage(code: .deleted, token: request.token)
    case .start, .stop, .list, .inspect, .logs, .usage, .plan, .info:
      return CoAPMessage(code: .changed, token: request.token)
    }
  }

  static func content(_ value: CBORValue, token: [UInt8]) -> CoAPMessage {
    CoAPMessage(code: .content, token: token, cbor: value)
  }
}
