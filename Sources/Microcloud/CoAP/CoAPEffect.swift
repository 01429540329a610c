import Basics

/// What an endpoint wants done or known, in this order.
public enum CoAPEffect: Equatable, Sendable {
  /// Send a datagram.
  case send([UInt8], to: SocketAddress)
  /// A request came. It is to be answered with `respond`, now or later, exactly once; it comes only once, however often
  /// its datagram does.
  case request(CoAPMessage, CoAPRequestHandle)
  /// The response to a request of ours. Where that observes or is multicast, there may be more of them.
  case response(CoAPExchangeID, CoAPMessage, from: SocketAddress)
  /// Of an exchange that we began nothing more will be heard.
  case ended(CoAPExchangeID, CoAPEnd)
  /// The observer has acknowledged a notification, or has had the time to reset it: the next may be sent.
  case delivered(CoAPExchangeID)
}

/// Something that we began: a request, a ping, a notification.
public struct CoAPExchangeID: RawRepresentable, Hashable, Sendable {
  public let rawValue: UInt64

  public init(rawValue: UInt64) {
    self.rawValue = rawValue
  }
}

/// Why nothing more is heard.
public enum CoAPEnd: Equatable, Sendable {
  /// There was no answer in time. For a multicast request it is the usual end: all who wanted to have answered.
  case timedOut
  /// The peer knows nothing of it. For a ping it means that the peer is there.
  case reset
  /// The response has a critical option that is not understood here.
  case notUnderstood
  /// To a protected request: someone, perhaps the peer, says in plain why it is not taken. 4.01 usually means that the peer has
  /// no such security context any more. Nobody vouches for it.
  case refused(CoAPCode)
  /// To a protected request: the response was not made by the peer.
  case notAuthentic
}

/// A request that came and is to be answered.
public struct CoAPRequestHandle: Equatable, Sendable {
  /// Who asks: the other half of an observation's or a block-wise transfer's key.
  public let source: SocketAddress
  public let token: [UInt8]
  /// It was sent to a group: answer with success or not at all.
  public let isMulticast: Bool
  /// The address is known to read what is sent to it.
  public internal(set) var isProven: Bool
  /// It was made within the last `CoAPLimits.echoMilliseconds`, as its Echo option shows.
  public internal(set) var isFresh: Bool
  /// For `CoAPBody.response`: the largest block to answer with. A request to a group cannot be answered with a challenge, so a
  /// stranger gets no larger first block than its request has earned, and asks for the others by itself.
  public let blockExponent: UInt8
  let messageID: UInt16
  let isConfirmable: Bool
  /// The classes of responses that the client does not want (RFC 7967).
  var noResponse: UInt8
  /// What it was protected with, and is answered with; nil: it came in plain, and anybody may have sent it.
  public internal(set) var protection: CoAPProtection?

  /// Whether the client does not want to hear this.
  func isUnwanted(_ response: CoAPMessage) -> Bool {
    noResponse >> (max(response.code.codeClass, 1) - 1) & 1 == 1
  }
}

extension CoAPMessage {
  /// A bit for each class of responses that is not wanted, from 1.xx on (RFC 7967 section 2.1).
  var noResponse: UInt8 { UInt8(truncatingIfNeeded: options.unsigned(.noResponse) ?? 0) }
}

/// How a request was protected that a layer between endpoint and resources has verified. What is sent on its account goes the
/// same way, and what comes in plain or with another protection has no part in it.
public struct CoAPProtection: Hashable, Sendable {
  /// Which security context, by a number of that layer's.
  public let context: UInt64
  /// Which request in this context.
  public let request: UInt64
  /// Whose context it is: a number that what is above has given it.
  public let principal: UInt32

  public init(context: UInt64, request: UInt64, principal: UInt32) {
    (self.context, self.request, self.principal) = (context, request, principal)
  }
}
