import Crypto

/// P-256 keys as COSE writes them (RFC 9052 section 7, RFC 9053 section 7.1.1): a CBOR map, encoded deterministically.
public enum COSEKey {
  private static let keyType = 1
  private static let curve = -1
  private static let xCoordinate = -2
  private static let yCoordinate = -3
  private static let privateScalar = -4
  /// The values: a key type of two coordinates, and the curve P-256.
  private static let ec2: Int64 = 2
  private static let p256: Int64 = 1

  /// The parameters that a key of this type must have, and no others: what a thumbprint is made of (RFC 9679 section 4.2).
  public static func map(of key: P256.PublicKey) -> CBORMap {
    map(of: key, y: .bytes(key.y))
  }

  /// The same with the sign of y in place of y: 33 bytes shorter, and a square root more for who reads it.
  public static func compressedMap(of key: P256.PublicKey) -> CBORMap {
    map(of: key, y: .bool(key.compressed[0] == 3))
  }

  private static func map(of key: P256.PublicKey, y: CBORValue) -> CBORMap {
    var map = CBORMap()
    map[key: keyType] = .integer(ec2)
    map[key: curve] = .integer(p256)
    map[key: xCoordinate] = .bytes(key.x)
    map[key: yCoordinate] = y
    return map
  }

  /// A private key with its public half. The scalar comes last.
  public static func encode(_ key: P256.PrivateKey) -> [UInt8] {
    var map = map(of: key.publicKey)
    map[key: privateScalar] = .bytes(key.scalar.bytes)
    return CBORValue.map(map).encoded
  }

  /// The public key that `value` is; nil if it is no key, one of another curve, no point of the curve, or tells its private
  /// half. What else stands in it, as a key identifier, is not looked at.
  public static func publicKey(in value: CBORValue) -> P256.PublicKey? {
    guard value[key: keyType]?.integerValue == ec2, value[key: curve]?.integerValue == p256,
      value[key: privateScalar] == nil,
      let x = value[key: xCoordinate]?.bytesValue, x.count == P256.fieldBytes, let y = value[key: yCoordinate]
    else { return nil }
    let point: [UInt8]
    switch y {
    case .bytes(let y) where y.count == P256.fieldBytes: point = [4] + x + y
    case .bool(let isOdd): point = [isOdd ? 3 : 2] + x
    default: return nil
    }
    do throws(CryptoError) {
      return try P256.PublicKey(point)
    } catch {
      return nil
    }
  }
}
