import Crypto
import Microcloud

/// P-256 keys as COSE writes them (RFC 9052 section 7, RFC 9053 section 7.1.1): a CBOR map, encoded deterministically.
enum COSEKey {
  private static let keyType = 1
  private static let curve = -1
  private static let xCoordinate = -2
  private static let yCoordinate = -3
  private static let privateScalar = -4
  /// The values: a key type of two coordinates, and the curve P-256.
  private static let ec2: Int64 = 2
  private static let p256: Int64 = 1

  /// The parameters that a key of this type must have, and no others: what a thumbprint is made of (RFC 9679 section 4.2).
  static func map(of key: P256.PublicKey) -> CBORMap {
    var map = CBORMap()
    map[key: keyType] = .integer(ec2)
    map[key: curve] = .integer(p256)
    map[key: xCoordinate] = .bytes(key.x)
    map[key: yCoordinate] = .bytes(key.y)
    return map
  }

  /// A private key with its public half. The scalar comes last.
  static func encode(_ key: P256.PrivateKey) -> [UInt8] {
    var map = map(of: key.publicKey)
    map[key: privateScalar] = .bytes(key.scalar.bytes)
    return CBORValue.map(map).encoded
  }
}
