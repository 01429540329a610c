/// Which option it is (RFC 7252 section 12.2). In a signal the numbers mean something else for each code.
public struct CoAPOptionNumber: RawRepresentable, Equatable, Hashable, Sendable {
  public let rawValue: UInt16

  public init(rawValue: UInt16) {
    self.rawValue = rawValue
  }

  /// Whether a receiver that does not know the option must refuse the message (RFC 7252 section 5.4.1).
  public var isCritical: Bool { rawValue & 1 == 1 }
  /// Whether a proxy that does not know the option must not forward the message (section 5.4.2).
  public var isUnsafeToForward: Bool { rawValue & 2 == 2 }

  public static let ifMatch = CoAPOptionNumber(rawValue: 1)
  public static let uriHost = CoAPOptionNumber(rawValue: 3)
  public static let etag = CoAPOptionNumber(rawValue: 4)
  public static let ifNoneMatch = CoAPOptionNumber(rawValue: 5)
  /// RFC 7641
  public static let observe = CoAPOptionNumber(rawValue: 6)
  public static let uriPort = CoAPOptionNumber(rawValue: 7)
  public static let locationPath = CoAPOptionNumber(rawValue: 8)
  /// RFC 8613
  public static let oscore = CoAPOptionNumber(rawValue: 9)
  public static let uriPath = CoAPOptionNumber(rawValue: 11)
  public static let contentFormat = CoAPOptionNumber(rawValue: 12)
  public static let maxAge = CoAPOptionNumber(rawValue: 14)
  public static let uriQuery = CoAPOptionNumber(rawValue: 15)
  /// RFC 8768
  public static let hopLimit = CoAPOptionNumber(rawValue: 16)
  public static let accept = CoAPOptionNumber(rawValue: 17)
  public static let locationQuery = CoAPOptionNumber(rawValue: 20)
  /// RFC 9668
  public static let edhoc = CoAPOptionNumber(rawValue: 21)
  /// RFC 7959, as are the two after it.
  public static let block2 = CoAPOptionNumber(rawValue: 23)
  public static let block1 = CoAPOptionNumber(rawValue: 27)
  public static let size2 = CoAPOptionNumber(rawValue: 28)
  public static let proxyUri = CoAPOptionNumber(rawValue: 35)
  public static let proxyScheme = CoAPOptionNumber(rawValue: 39)
  public static let size1 = CoAPOptionNumber(rawValue: 60)
  /// RFC 9175
  public static let echo = CoAPOptionNumber(rawValue: 252)
  /// RFC 7967
  public static let noResponse = CoAPOptionNumber(rawValue: 258)
  /// RFC 9175
  public static let requestTag = CoAPOptionNumber(rawValue: 292)
}

/// One option of a message: a number and a value of bytes.
public struct CoAPOption: Equatable, Sendable {
  public let number: CoAPOptionNumber
  public let value: [UInt8]

  public init(_ number: CoAPOptionNumber, _ value: [UInt8]) {
    self.number = number
    self.value = value
  }

  /// A text option, in UTF-8.
  public init(_ number: CoAPOptionNumber, _ text: String) {
    self.init(number, Array(text.utf8))
  }

  /// A uint option (RFC 7252 section 3.2): big-endian without leading zeros, so that 0 is the empty value.
  public init(_ number: CoAPOptionNumber, _ value: UInt64) {
    let count = (UInt64.bitWidth - value.leadingZeroBitCount + 7) / 8
    self.init(number, (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - $0))) })
  }

  /// The value as a uint; nil if it does not fit in 64 bits. Leading zeros are allowed.
  public var unsignedValue: UInt64? {
    var result: UInt64 = 0
    for byte in value {
      if result >> 56 != 0 { return nil }
      result = result << 8 | UInt64(byte)
    }
    return result
  }

  /// The value as text; nil if it is not UTF-8.
  public var textValue: String? {
    String(validating: value, as: UTF8.self)
  }
}
