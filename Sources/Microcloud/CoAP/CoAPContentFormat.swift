/// What a payload is: the value of Content-Format and Accept (RFC 7252 section 12.3).
public struct CoAPContentFormat: RawRepresentable, Equatable, Hashable, Sendable {
  public let rawValue: UInt16

  public init(rawValue: UInt16) {
    self.rawValue = rawValue
  }

  /// `text/plain; charset=utf-8`
  public static let text = CoAPContentFormat(rawValue: 0)
  /// `application/link-format`, RFC 6690
  public static let linkFormat = CoAPContentFormat(rawValue: 40)
  /// `application/octet-stream`
  public static let octetStream = CoAPContentFormat(rawValue: 42)
  /// `application/cbor`, RFC 8949
  public static let cbor = CoAPContentFormat(rawValue: 60)
  /// `application/senml+cbor`, RFC 8428
  public static let senmlCBOR = CoAPContentFormat(rawValue: 112)
  /// `application/concise-problem-details+cbor`, RFC 9290
  public static let problemDetails = CoAPContentFormat(rawValue: 257)
}

extension CoAPContentFormat: CustomStringConvertible {
  /// Its media type, or the number where we know none.
  public var description: String {
    switch self {
    case .text: "text/plain; charset=utf-8"
    case .linkFormat: "application/link-format"
    case .octetStream: "application/octet-stream"
    case .cbor: "application/cbor"
    case .senmlCBOR: "application/senml+cbor"
    case .problemDetails: "application/concise-problem-details+cbor"
    default: "\(rawValue)"
    }
  }
}
