/// Elliptic-curve keys on P-256 (secp256r1; FIPS 186-4), for ECDH and for ECDSA with SHA-256 (ES256 of COSE).
public enum P256 {
  /// Of a coordinate, a private key and a shared secret.
  public static let fieldBytes = 32
  /// Of a signature: its two numbers, one after the other.
  public static let signatureBytes = 2 * fieldBytes
}
