/// What one end of a stream takes: the CSM that each end sends first (RFC 8323 section 5.3).
public struct CapabilitiesAndSettings: Equatable, Sendable {
  /// The largest message taken, header included. Until a CSM says otherwise, 1152.
  public var maximumMessageBytes: UInt64
  /// Whether block-wise transfer is understood, and with `maximumMessageBytes` above 1152 large blocks (BERT) too.
  public var blockWiseTransfer: Bool

  /// What holds of an end that has said nothing yet.
  public static let initial = CapabilitiesAndSettings(maximumMessageBytes: 1152, blockWiseTransfer: false)
  /// What our own decoder takes.
  public static let ours = CapabilitiesAndSettings(
    maximumMessageBytes: UInt64(CoAPStreamDecoder.maximumMessageBytes), blockWiseTransfer: true)

  private static let maxMessageSize = CoAPOptionNumber(rawValue: 2)
  private static let blockWiseTransferOption = CoAPOptionNumber(rawValue: 4)

  public init(maximumMessageBytes: UInt64, blockWiseTransfer: Bool) {
    self.maximumMessageBytes = maximumMessageBytes
    self.blockWiseTransfer = blockWiseTransfer
  }

  /// The signal that tells the other end.
  public var message: CoAPMessage {
    var options = CoAPOptions()
    options.add(CoAPOption(Self.maxMessageSize, maximumMessageBytes))
    if blockWiseTransfer { options.add(CoAPOption(Self.blockWiseTransferOption, [])) }
    return CoAPMessage(code: .capabilitiesAndSettings, options: options)
  }

  /// Takes over what a CSM says; what it does not mention stays. A critical option is an error: none is known.
  public mutating func update(from message: CoAPMessage) throws(CoAPError) {
    try message.refuseCriticalSignalOptions()
    if let bytes = message.options.unsigned(Self.maxMessageSize) { maximumMessageBytes = bytes }
    if message.options[Self.blockWiseTransferOption] != nil { blockWiseTransfer = true }
  }
}

// The other signals (RFC 8323 sections 5.4 to 5.6). Of their options we need and know none.
extension CoAPMessage {
  /// The answer to a ping.
  public static func pong(to ping: CoAPMessage) -> CoAPMessage {
    CoAPMessage(code: .pong, token: ping.token)
  }

  /// The last message before a connection is closed over an error, with a line for the person at the other end.
  public static func abort(_ reason: String) -> CoAPMessage {
    CoAPMessage(code: .abort, payload: Array(reason.utf8))
  }

  /// In a signal a critical option that is not known is an error, and none of those that we know is critical.
  public func refuseCriticalSignalOptions() throws(CoAPError) {
    for option in options.list where option.number.isCritical {
      throw .unknownSignalOption(option.number.rawValue)
    }
  }
}
