/// A CoAP code: a request's method, a response's status or a signal (RFC 7252 section 5.9, RFC 8323 section 5).
public struct CoAPCode: RawRepresentable, Equatable, Hashable, Sendable, CustomStringConvertible {
  /// The class in the upper three bits, the detail in the lower five.
  public let rawValue: UInt8

  public init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  /// The code written `class.detail`; more than three and five bits of them are cut off.
  public init(_ codeClass: UInt8, _ detail: UInt8) {
    rawValue = codeClass << 5 | detail & 0x1F
  }

  /// 0 request, 2 success, 4 client error, 5 server error, 7 signal.
  public var codeClass: UInt8 { rawValue >> 5 }
  /// Which of its class, 0 to 31.
  public var detail: UInt8 { rawValue & 0x1F }

  /// A method.
  public var isRequest: Bool { codeClass == 0 && detail != 0 }
  /// A response that says yes.
  public var isSuccess: Bool { codeClass == 2 }
  /// The server could not do what it would have done.
  public var isServerError: Bool { codeClass == 5 }
  /// A response of any kind.
  public var isResponse: Bool { (2...5).contains(codeClass) }
  /// About a stream itself (RFC 8323 section 5).
  public var isSignal: Bool { codeClass == 7 }

  /// As people write it: `4.04`.
  public var description: String {
    "\(codeClass).\(detail < 10 ? "0" : "")\(detail)"
  }
}

extension CoAPCode {
  /// Neither request nor response.
  public static let empty = CoAPCode(0, 0)

  public static let get = CoAPCode(0, 1)
  public static let post = CoAPCode(0, 2)
  public static let put = CoAPCode(0, 3)
  public static let delete = CoAPCode(0, 4)
  /// RFC 8132, as are the two after it.
  public static let fetch = CoAPCode(0, 5)
  public static let patch = CoAPCode(0, 6)
  public static let iPatch = CoAPCode(0, 7)

  public static let created = CoAPCode(2, 1)
  public static let deleted = CoAPCode(2, 2)
  public static let valid = CoAPCode(2, 3)
  public static let changed = CoAPCode(2, 4)
  public static let content = CoAPCode(2, 5)
  public static let `continue` = CoAPCode(2, 31)

  public static let badRequest = CoAPCode(4, 0)
  public static let unauthorized = CoAPCode(4, 1)
  public static let badOption = CoAPCode(4, 2)
  public static let forbidden = CoAPCode(4, 3)
  public static let notFound = CoAPCode(4, 4)
  public static let methodNotAllowed = CoAPCode(4, 5)
  public static let notAcceptable = CoAPCode(4, 6)
  public static let requestEntityIncomplete = CoAPCode(4, 8)
  public static let conflict = CoAPCode(4, 9)
  public static let preconditionFailed = CoAPCode(4, 12)
  public static let requestEntityTooLarge = CoAPCode(4, 13)
  public static let unsupportedContentFormat = CoAPCode(4, 15)
  public static let unprocessableEntity = CoAPCode(4, 22)
  public static let tooManyRequests = CoAPCode(4, 29)

  public static let internalServerError = CoAPCode(5, 0)
  public static let notImplemented = CoAPCode(5, 1)
  public static let serviceUnavailable = CoAPCode(5, 3)

  public static let capabilitiesAndSettings = CoAPCode(7, 1)
  public static let ping = CoAPCode(7, 2)
  public static let pong = CoAPCode(7, 3)
  public static let release = CoAPCode(7, 4)
  public static let abort = CoAPCode(7, 5)
}
