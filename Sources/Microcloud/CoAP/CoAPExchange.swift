import Basics

/// A request of ours, or a ping.
struct CoAPExchange {
  let id: CoAPExchangeID
  let peer: SocketAddress
  /// Without its token.
  let request: CoAPMessage
  let token: [UInt8]
  let isConfirmable: Bool
  let isMulticast: Bool
  /// When it is given up; nil: it observes and has a first response.
  var deadline: Instant?
  /// How many Echo challenges it has answered.
  var echoes = 0

  var isPing: Bool { request.code == .empty }
  var observes: Bool { request.options.unsigned(.observe) == 0 && request.options[.observe] != nil }
}

/// A datagram of ours that something is still expected for.
struct CoAPDelivery {
  enum Purpose: Equatable {
    case request(CoAPExchangeID)
    case notification(CoAPExchangeID)
    /// A separate response.
    case response
  }

  let peer: SocketAddress
  let messageID: UInt16
  let bytes: [UInt8]
  let purpose: Purpose
  let isConfirmable: Bool
  /// When it is sent again or given up; nil: it waits for others to the same peer.
  var deadline: Instant?
  var timeoutMilliseconds: UInt64 = 0
  var retransmissions = 0
}

/// A confirmable request that is under work and not acknowledged yet.
struct CoAPPendingAcknowledgement {
  let deadline: Instant
  let peer: SocketAddress
  let messageID: UInt16
}

/// An answer to a multicast request that waits for its time.
struct CoAPDelayedAnswer {
  let deadline: Instant
  let peer: SocketAddress
  let bytes: [UInt8]
}
