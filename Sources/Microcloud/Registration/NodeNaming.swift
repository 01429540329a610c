import Basics

/// What a node is called in a membership: `alix-3fa2c1`, its host's name and the beginning of its key's fingerprint.
///
/// Flashed boards are all called the same, so the host's name alone will not do. Others do not believe a name that they
/// know at another address: where an old self could not take its leave (power cut, then another address), or another
/// node has the name, the next one is `alix-3fa2c1-2`, up to 8, then the first again. A name that was taken is kept and
/// not given up for a lower number once that is free: to everybody who watches, each change is one node that goes and
/// another one that comes, while a number costs nothing. Who a node is, its key says.
public struct NodeNaming: Equatable, Sendable {
  /// The most of a host's name that is used.
  public static let maximumHostBytes = 40
  /// How much of the fingerprint tells boards with the same host name apart: 30 bits.
  public static let fingerprintBytes = 6
  /// By the time that all were used, the first has long been forgotten.
  public static let numbers = 8
  static let fallbackHost = "node"

  private let host: String
  private let fingerprint: String
  /// Which name it is, from 1: what is to be stored.
  public private(set) var number: Int

  /// - Parameters:
  ///   - hostName: any text; what cannot stand in a name becomes `-`, and only the part before the first dot is used.
  ///   - fingerprint: of the node's key, as text.
  ///   - number: what was stored; anything out of range counts as the first.
  public init(hostName: String, fingerprint: String, number: Int = 1) {
    let label = Self.cleaned(hostName.utf8.prefix { $0 != UInt8(ascii: ".") }, maximumBytes: Self.maximumHostBytes)
    host = label.isEmpty ? Self.fallbackHost : label
    self.fingerprint = Self.cleaned(fingerprint.utf8, maximumBytes: Self.fingerprintBytes)
    self.number = (1...Self.numbers).contains(number) ? number : 1
  }

  public var text: String {
    var text = fingerprint.isEmpty ? host : "\(host)-\(fingerprint)"
    if number > 1 { text += "-\(number)" }
    return text
  }

  public var name: NodeName { NodeName(text.utf8) }

  /// The name is another's, or an old self's that cannot take its leave.
  mutating func takeNext() {
    number = number % Self.numbers + 1
  }

  /// Letters, digits and `-`, none of which at an end and no two together.
  private static func cleaned(_ text: some Sequence<UInt8>, maximumBytes: Int) -> String {
    var bytes: [UInt8] = []
    for byte in text where bytes.count < maximumBytes {
      if ASCII.isLetterOrDigit(byte) {
        bytes.append(byte)
      } else if let last = bytes.last, last != hyphen {
        bytes.append(hyphen)
      }
    }
    if bytes.last == hyphen { bytes.removeLast() }
    return ASCII.string(bytes)
  }

  private static let hyphen = UInt8(ascii: "-")
}
