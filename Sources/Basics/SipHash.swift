/// SipHash-2-4 (Aumasson and Bernstein, 2012): 64 bits from a key and a few bytes that nobody can foretell without the key.
///
/// Good for what must not be guessed and is short-lived: a request's token, the proof that a peer reads what is sent to its
/// address. It encrypts and signs nothing; keys that give rights are the business of a library.
public struct SipHash: Sendable {
  /// 128 random bits, as two numbers.
  public struct Key: Sendable {
    public let first: UInt64
    public let second: UInt64

    public init(_ first: UInt64, _ second: UInt64) {
      self.first = first
      self.second = second
    }
  }

  private var v0, v1, v2, v3: UInt64

  private init(_ key: Key) {
    v0 = key.first ^ 0x736F_6D65_7073_6575
    v1 = key.second ^ 0x646F_7261_6E64_6F6D
    v2 = key.first ^ 0x6C79_6765_6E65_7261
    v3 = key.second ^ 0x7465_6462_7974_6573
  }

  public static func hash(_ bytes: [UInt8], key: Key) -> UInt64 {
    var hash = SipHash(key)
    var word: UInt64 = 0
    var place: UInt64 = 0
    var count: UInt64 = 0
    for byte in bytes {
      word |= UInt64(byte) << place
      place += 8
      count &+= 1
      if place == 64 {
        hash.absorb(word)
        (word, place) = (0, 0)
      }
    }
    hash.absorb(word | count << 56)
    hash.v2 ^= 0xFF
    for _ in 0..<4 { hash.round() }
    return hash.v0 ^ hash.v1 ^ hash.v2 ^ hash.v3
  }

  private mutating func absorb(_ word: UInt64) {
    v3 ^= word
    round()
    round()
    v0 ^= word
  }

  private mutating func round() {
    v0 &+= v1
    v2 &+= v3
    v1 = Self.rotated(v1, 13) ^ v0
    v3 = Self.rotated(v3, 16) ^ v2
    v0 = Self.rotated(v0, 32)
    v2 &+= v1
    v0 &+= v3
    v1 = Self.rotated(v1, 17) ^ v2
    v3 = Self.rotated(v3, 21) ^ v0
    v2 = Self.rotated(v2, 32)
  }

  private static func rotated(_ value: UInt64, _ places: UInt64) -> UInt64 {
    value << places | value >> (64 - places)
  }
}
