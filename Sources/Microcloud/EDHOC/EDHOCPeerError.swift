import Basics

/// An error message (RFC 9528 section 6): unprotected, so anybody may have sent it.
public enum EDHOCPeerError: Equatable, Sendable {
  /// In the peer's words, without what would control a terminal.
  case unspecified(String)
  /// The suites that the peer has instead (section 6.3).
  case suites([Int64])
  /// The peer wants another reference to our credential, or the credential itself (section 6.4).
  case unknownCredential
  /// A code that we do not know.
  case other(Int64)

  /// How the peer ends it with a key that it does not know.
  public static let notAccepted = EDHOCPeerError.unspecified(EDHOCError.refused.text)

  private static let unspecifiedCode: Int64 = 1
  private static let suitesCode: Int64 = 2
  private static let unknownCredentialCode: Int64 = 3

  var encoded: [UInt8] {
    let (code, information): (Int64, CBORValue) =
      switch self {
      case .unspecified(let text): (Self.unspecifiedCode, .text(text))
      case .suites(let suites): (Self.suitesCode, EDHOCSuite.item(of: suites))
      case .unknownCredential: (Self.unknownCredentialCode, .bool(true))
      case .other(let code): (code, .null)
      }
    return CBORValue.integer(code).encoded + information.encoded
  }

  /// The error message that `message` is; nil if it is another one, which begins with a byte string.
  init?(inPlaceOfBytes message: [UInt8]) throws(EDHOCError) {
    guard let first = message.first, first >> 5 <= 1 else { return nil }
    var reader = try EDHOCReader(message)
    guard let code = try reader.item().integerValue else { throw .malformed }
    let information = try reader.credentialItem().value
    try reader.end()
    switch (code, information) {
    case (Self.unspecifiedCode, .text(let text)): self = .unspecified(Self.shown(text))
    case (Self.suitesCode, let item):
      guard let suites = EDHOCSuite.suites(item) else { throw .malformed }
      self = .suites(suites)
    case (Self.unknownCredentialCode, .bool(true)): self = .unknownCredential
    case (Self.unspecifiedCode, _), (Self.unknownCredentialCode, _): throw .malformed
    default: self = .other(code)
    }
  }

  /// The words should be English (section 6.2): what is not ASCII, or no letter at all, is a question mark.
  private static func shown(_ text: String) -> String {
    ASCII.string(
      text.utf8.prefix(EDHOCLimits.diagnosticBytes).map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") })
  }
}

extension EDHOCPeerError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unspecified(let text): text
    case .suites: "it does not speak cipher suite 2"
    case .unknownCredential: "it does not know our credential"
    case .other(let code): "error code \(code)"
    }
  }
}
