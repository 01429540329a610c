/// What went wrong, for a person: the payload of an error response (RFC 9290).
public struct ProblemDetails: Equatable, Sendable {
  /// The problem in one line; the same for every occurrence of it.
  public var title: String?
  /// This occurrence of it: what was tried, on what, why, what to do.
  public var detail: String?

  private static let titleKey = -1
  private static let detailKey = -2
  /// Text with a language: `[language, text]`, and a direction that we do not need.
  private static let languageTag: UInt64 = 38

  public init(title: String?, detail: String? = nil) {
    self.title = title
    self.detail = detail
  }

  /// The map that is sent.
  public var value: CBORValue {
    var map = CBORMap()
    map[key: Self.titleKey] = title.map { .text($0) }
    map[key: Self.detailKey] = detail.map { .text($0) }
    return .map(map)
  }

  /// Reads the entries that we know. Others are passed over, as the RFC demands; a map is all it has to be.
  public init(_ value: CBORValue) throws(CBORError) {
    guard let map = value.mapValue else { throw CBORError(.unexpectedType, offset: 0) }
    title = map[key: Self.titleKey].flatMap(Self.text)
    detail = map[key: Self.detailKey].flatMap(Self.text)
  }

  private static func text(_ value: CBORValue) -> String? {
    guard case .tagged(languageTag, .array(let parts)) = value, parts.count >= 2 else { return value.textValue }
    return parts[1].textValue
  }

  /// The error response that carries it.
  public func response(_ code: CoAPCode, token: [UInt8]) -> CoAPMessage {
    var message = CoAPMessage(code: code, token: token, payload: value.encoded)
    message.contentFormat = .problemDetails
    return message
  }
}
