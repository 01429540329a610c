import MicroAgent
import Microcloud

/// One request as it came: what is asked, by whom, and where the answer goes.
struct ControlRequest {
  let request: APIRequest
  let client: ControlClient
  let origin: RequestOrigin

  /// Who asks.
  var principal: Principal { client.principal }
  var token: [UInt8] { origin.token }

  /// Answers it, exactly once.
  func answer(_ message: CoAPMessage) { client.answer(message, to: origin) }
}

/// Where the answer to a request goes.
enum RequestOrigin {
  /// To the client that sent it, on its stream.
  case stream(token: [UInt8])
  /// To where the datagram came from, in blocks as the request, whose body is gone, wants them.
  case datagram(CoAPMessage, CoAPRequestHandle)

  var token: [UInt8] {
    switch self {
    case .stream(let token): token
    case .datagram(_, let handle): handle.token
    }
  }

  /// Whether another request under the same token takes the place of this one.
  func isSame(as other: RequestOrigin) -> Bool {
    switch (self, other) {
    case (.stream(let one), .stream(let other)): one == other
    case (.datagram(_, let one), .datagram(_, let other)): one.token == other.token && one.source == other.source
    default: false
    }
  }
}
