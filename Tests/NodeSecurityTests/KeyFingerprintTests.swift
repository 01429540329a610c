import Basics
import Crypto
import CryptoChecks
import NodeSecurity
import Testing

struct KeyFingerprintTests {
  /// RFC 9679 section 6.
  private func example() throws -> KeyFingerprint {
    let key = try P256.PublicKey(
      #require(
        Hexadecimal.bytes(
          ("0465eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d"
            + "1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c").utf8)))
    return try KeyFingerprint(of: key)
  }

  @Test func isTheThumbprintOfCOSE() throws {
    #expect(
      Hexadecimal.text(try example().thumbprint) == "496bd8afadf307e5b08c64b0421bf9dc01528a344a43bda88fadd1669da253ec")
  }

  /// Python: base64.b32encode, its alphabet replaced by Crockford's.
  @Test func readsAsBase32() throws {
    let fingerprint = try example()
    #expect("\(fingerprint)" == "95nxhbxdyc3ybc4ccjr446zsvg0n52hm991vva4fnq8pd7d2afp0")
    #expect(fingerprint.short == "95nxhbxdyc3ybc4c")
  }

  @Test func differsFromKeyToKey() throws {
    let keys = try (0..<20).map { _ in try P256.PrivateKey.generate().publicKey }
    #expect(Set(try keys.map { try KeyFingerprint(of: $0) }).count == keys.count)
    #expect(try KeyFingerprint(of: keys[0]) == KeyFingerprint(of: P256.PublicKey(keys[0].compressed)))
  }
}
