import Basics

/// A protected request of ours.
struct SecureCoAPExchange {
  /// What it is called above, however often it has to be sent anew.
  let id: CoAPExchangeID
  /// What the endpoint calls the message that was sent last.
  var outer: CoAPExchangeID
  let peer: SocketAddress
  let context: UInt64
  /// As it was before it was protected.
  let request: CoAPMessage
  /// Of the message that was sent last.
  var partialIV: UInt64
  let isConfirmable: Bool
  /// When it is given up; nil: it observes, and the first response was verified.
  var deadline: Instant?
  /// How many Echo challenges it has answered.
  var echoes = 0
  var notifications = SecureCoAPNotifications()

  var observes: Bool { request.options.unsigned(.observe) == 0 && request.options[.observe] != nil }
}

/// The order of the notifications to one registration (RFC 8613 sections 4.1.3.5.2 and 7.4.1).
struct SecureCoAPNotifications {
  /// The highest Partial IV heard.
  private var highest: UInt64?
  /// How many were taken: what the Observe option says above. That of the message says nothing.
  private(set) var count: UInt64 = 0

  /// Whether a notification is newer than all before. One without a Partial IV is older than all others.
  mutating func take(_ partialIV: UInt64?) -> Bool {
    if let partialIV {
      if let highest, partialIV <= highest { return false }
      highest = partialIV
    } else if count > 0 {
      return false
    }
    count += 1
    return true
  }
}
