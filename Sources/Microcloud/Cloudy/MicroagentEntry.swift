import Basics

/// What an instruction set can run, as a placement has to know it. The i586 build runs on all of them.
public enum ISALevel: String, Sendable {
  /// Quark X1000: a Pentium without CMOV and MMX, on which no LOCK prefix may be.
  case i586NoLock = "i586-nolock"
  /// Geode LX: CMOV and MMX, no SSE.
  case geode
  /// Atom with 32 bits: SSE2.
  case i686SSE2 = "i686-sse2"
  case amd64 = "x86_64"
}

/// What an agent says of itself to everybody, in the text of its own entry among its services.
///
/// The text is words with commas between, `key=value` or a single word, in this order:
///
///     coap=5683,isa=geode,key=95nxhb…,mem=96,unclaimed
///
/// - `coap`: the UDP port on which it is asked for everything else
/// - `isa`: the ISA level of its processor
/// - `key`: the first 80 bits of its key's fingerprint, as `KeyFingerprint.short` writes them
/// - `mem`: how many MiB it has to offer, in steps (`CoarseMemory`)
/// - `unclaimed`: nobody owns the board yet; left out once someone does
///
/// Who reads it passes over words that it does not know, and takes any order; without `coap` and `key` it is no agent's
/// entry. As with all gossip, it is a hint: what counts is what the key's holder says.
public struct MicroagentEntry: Equatable, Sendable {
  /// The type of the entry among the services.
  public static let type = "microagent"

  public var coapPort: UInt16
  /// Nil: a level that we do not know.
  public var isa: ISALevel?
  /// 16 letters and digits.
  public var fingerprint: String
  public var freeMemoryMiB: UInt32
  public var isClaimed: Bool

  public init(coapPort: UInt16, isa: ISALevel?, fingerprint: String, freeMemoryMiB: UInt32, isClaimed: Bool) {
    self.coapPort = coapPort
    self.isa = isa
    self.fingerprint = fingerprint
    self.freeMemoryMiB = freeMemoryMiB
    self.isClaimed = isClaimed
  }

  public var text: String {
    var words: [UInt8] = Array("coap=\(coapPort)".utf8)
    if let isa { words += ",isa=\(isa.rawValue)".utf8 }
    words += ",key=\(fingerprint)".utf8
    words += ",mem=\(freeMemoryMiB)".utf8
    if !isClaimed { words += ",unclaimed".utf8 }
    return String(decoding: words, as: UTF8.self)
  }

  /// What a text says; nil if it is no agent's.
  public init?(text: String) {
    var port: UInt16?
    var fingerprint: String?
    var isa: ISALevel?
    var freeMemoryMiB: UInt32 = 0
    var isClaimed = true
    for word in ASCII.split(Array(text.utf8)[...], at: UInt8(ascii: ",")) {
      let key = word.prefix { $0 != UInt8(ascii: "=") }
      let value = word.dropFirst(key.count + 1)
      switch ASCII.string(key) {
      case "coap": port = Decimal.parse(value).flatMap { UInt16(exactly: $0) }
      case "isa": isa = ISALevel(rawValue: ASCII.string(value))
      case "key": fingerprint = Self.fingerprint(value)
      case "mem": freeMemoryMiB = Decimal.parse(value).flatMap { UInt32(exactly: $0) } ?? 0
      case "unclaimed": isClaimed = false
      default: break
      }
    }
    guard let port, port != 0, let fingerprint else { return nil }
    self.init(
      coapPort: port, isa: isa, fingerprint: fingerprint, freeMemoryMiB: freeMemoryMiB, isClaimed: isClaimed)
  }

  /// The entry in the tag of a node.
  public func service(node: String, address: String, microcloud: String) -> CloudyService {
    CloudyService(
      type: Self.type, description: node, host: CloudyService.host(ofNode: node), address: address,
      port: "\(coapPort)", microcloud: microcloud, text: text)
  }

  /// The entry among what a node says it offers; nil if it is no agent.
  static func service(among services: [CloudyService]) -> CloudyService? {
    services.first { $0.type == type }
  }

  /// How many characters a fingerprint has.
  public static let fingerprintCharacters = 16

  private static func fingerprint(_ text: ArraySlice<UInt8>) -> String? {
    guard text.count == fingerprintCharacters, text.allSatisfy({ ASCII.isLetterOrDigit($0) }) else { return nil }
    return ASCII.string(text.map { ASCII.lowercased($0) })
  }
}
