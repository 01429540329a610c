import Basics
import CSystem
import Crypto
import Microcloud

/// What tokens and proofs of address are made of: the first 64 bits of HMAC-SHA256 (RFC 2104).
public enum HMACDigest {
  /// - Parameter key: random bits of this process's own.
  public static func keyed(by key: [UInt8]) -> KeyedDigest {
    { bytes in
      do throws(CryptoError) {
        // Extracting is one HMAC (RFC 5869 section 2.2).
        return BigEndian.number(try HKDF.extract(salt: key, input: Secret(bytes)).bytes.prefix(8))
      } catch {
        // Without memory for it nobody is believed: a number by chance is no other one.
        var number: UInt64 = 0
        withUnsafeMutableBytes(of: &number) { _ = system_random($0.baseAddress, $0.count) }
        return number
      }
    }
  }
}
