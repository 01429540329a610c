/// A CoAP request, response or signal, apart from how datagrams or streams frame it.
public struct CoAPMessage: Equatable, Sendable {
  /// RFC 7252 section 3.
  public static let maximumTokenBytes = 8

  /// What it asks, answers or signals.
  public var code: CoAPCode
  /// 0 to 8 bytes that a response repeats.
  public var token: [UInt8]
  /// Path, query, formats and the like.
  public var options: CoAPOptions
  /// No payload and an empty one are the same.
  public var payload: [UInt8]

  public init(code: CoAPCode, token: [UInt8] = [], options: CoAPOptions = CoAPOptions(), payload: [UInt8] = []) {
    self.code = code
    self.token = token
    self.options = options
    self.payload = payload
  }

  /// A message whose payload is a CBOR item.
  public init(code: CoAPCode, token: [UInt8] = [], cbor: CBORValue) {
    self.init(code: code, token: token, payload: cbor.encoded)
    contentFormat = .cbor
  }

  /// The Uri-Path segments: `["containers", "dns"]`. One that is not UTF-8 reads with U+FFFD, which matches no route.
  public var path: [String] {
    get { texts(.uriPath) }
    set { setTexts(newValue, .uriPath) }
  }

  /// The Location-Path segments: where what was made is.
  public var location: [String] { texts(.locationPath) }

  /// The Uri-Query parts, as `"limit=5"`.
  public var query: [String] {
    get { texts(.uriQuery) }
    set { setTexts(newValue, .uriQuery) }
  }

  /// What the payload is; nil if it is not said, or not with a number below 65536.
  public var contentFormat: CoAPContentFormat? {
    get { format(.contentFormat) }
    set { setFormat(newValue, .contentFormat) }
  }

  /// The one format that the client takes.
  public var accept: CoAPContentFormat? {
    get { format(.accept) }
    set { setFormat(newValue, .accept) }
  }

  private func texts(_ number: CoAPOptionNumber) -> [String] {
    var texts: [String] = []
    for option in options.list where option.number == number {
      texts.append(String(decoding: option.value, as: UTF8.self))
    }
    return texts
  }

  private mutating func setTexts(_ texts: [String], _ number: CoAPOptionNumber) {
    options.remove(number)
    for text in texts { options.add(CoAPOption(number, text)) }
  }

  private func format(_ number: CoAPOptionNumber) -> CoAPContentFormat? {
    options.unsigned(number).flatMap { UInt16(exactly: $0) }.map { CoAPContentFormat(rawValue: $0) }
  }

  private mutating func setFormat(_ format: CoAPContentFormat?, _ number: CoAPOptionNumber) {
    options.remove(number)
    if let format { options.add(CoAPOption(number, UInt64(format.rawValue))) }
  }
}
