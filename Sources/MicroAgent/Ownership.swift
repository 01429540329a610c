import Basics
import Crypto
import Microcloud

/// Whom the board belongs to by a key: the owner that its configuration names, until the board is claimed or handed on; from
/// then on whoever got it, until the configuration names another one. So who has the board in hand has the last word.
public struct Ownership: Equatable, Sendable {
  private let configured: P256.PublicKey?
  /// Nil: nobody, or those alone whom the microcloud's key names.
  public private(set) var owner: P256.PublicKey?

  /// - Parameters:
  ///   - configured: whom the configuration names now.
  ///   - kept: what `kept` was when the board was last given to somebody; nil: it never was.
  public init(configured: P256.PublicKey?, kept: [UInt8]?) {
    self.configured = configured
    owner = configured
    guard let fields = kept.flatMap({ try? CBORDecoder.decode($0).arrayValue }), fields.count == 2,
      fields[0].bytesValue == configured?.compressed ?? [], let key = fields[1].bytesValue
    else { return }
    owner = (try? P256.PublicKey(key)) ?? configured
  }

  /// Gives the board to somebody; nil: back to whom the configuration names.
  public mutating func give(to key: P256.PublicKey?) {
    owner = key ?? configured
  }

  /// Whether it is as the configuration says.
  public var isConfigured: Bool { owner == configured }

  /// For the store: to whom the board was given, and what the configuration said then.
  public var kept: [UInt8] {
    let given = isConfigured ? [] : owner?.compressed ?? []
    return CBORValue.array([.bytes(configured?.compressed ?? []), .bytes(given)]).encoded
  }
}

/// The time in which whoever comes first may claim the board. Only who has the board in hand, or owns it, opens it.
public struct ClaimWindow: Equatable, Sendable {
  public static let defaultSeconds: UInt64 = 300
  public static let maximumSeconds: UInt64 = 3600

  private var end: Instant?

  public init() {}

  /// - Parameter seconds: at most `maximumSeconds`.
  public mutating func open(seconds: UInt64, now: Instant) {
    end = now.advanced(milliseconds: min(seconds, Self.maximumSeconds) * 1000)
  }

  public mutating func close() {
    end = nil
  }

  /// How much of it is left; 0: it is closed.
  public func secondsLeft(now: Instant) -> UInt64 {
    guard let end, end > now else { return 0 }
    return (end.milliseconds(since: now) + 999) / 1000
  }
}
