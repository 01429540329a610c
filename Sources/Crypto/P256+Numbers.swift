import CMbedTLS
import CSystem

/// Random bytes as mbedtls asks for them. It blinds with them each computation on a private key, so that what a stranger
/// could measure of it says nothing.
func randomBytes(_ context: UnsafeMutableRawPointer?, _ buffer: UnsafeMutablePointer<UInt8>?, _ count: Int) -> CInt {
  system_random(buffer, count) == 0 ? 0 : MBEDTLS_ERR_ECP_RANDOM_FAILED
}

/// The curve, loaded for one operation.
struct Curve: ~Copyable {
  let group: UnsafeMutablePointer<mbedtls_ecp_group>

  init() throws(CryptoError) {
    group = .allocate(capacity: 1)
    mbedtls_ecp_group_init(group)
    try check(mbedtls_ecp_group_load(group, MBEDTLS_ECP_DP_SECP256R1))
  }

  deinit {
    mbedtls_ecp_group_free(group)
    group.deallocate()
  }
}

/// A long number for one operation; wiped at its end.
struct Number: ~Copyable {
  let value: UnsafeMutablePointer<mbedtls_mpi>

  init() {
    value = .allocate(capacity: 1)
    mbedtls_mpi_init(value)
  }

  init(_ bytes: ArraySlice<UInt8>) throws(CryptoError) {
    self.init()
    try check(bytes.withUnsafeBufferPointer { mbedtls_mpi_read_binary(value, $0.baseAddress, $0.count) })
  }

  deinit {
    mbedtls_mpi_free(value)
    value.deallocate()
  }

  /// The number in as many bytes as a coordinate has.
  func bytes() throws(CryptoError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: P256.fieldBytes)
    try check(bytes.withUnsafeMutableBufferPointer { mbedtls_mpi_write_binary(value, $0.baseAddress, $0.count) })
    return bytes
  }
}

/// A point for one operation; wiped at its end.
struct Point: ~Copyable {
  let value: UnsafeMutablePointer<mbedtls_ecp_point>

  init() {
    value = .allocate(capacity: 1)
    mbedtls_ecp_point_init(value)
  }

  init(_ key: P256.PublicKey, on curve: borrowing Curve) throws(CryptoError) {
    self.init()
    let bytes = key.uncompressed
    try check(mbedtls_ecp_point_read_binary(curve.group, value, bytes, bytes.count))
  }

  deinit {
    mbedtls_ecp_point_free(value)
    value.deallocate()
  }

  /// The point as a key.
  func key(on curve: borrowing Curve) throws(CryptoError) -> P256.PublicKey {
    var bytes = [UInt8](repeating: 0, count: 1 + 2 * P256.fieldBytes)
    var count = 0
    let code = bytes.withUnsafeMutableBufferPointer {
      mbedtls_ecp_point_write_binary(
        curve.group, value, MBEDTLS_ECP_PF_UNCOMPRESSED, &count, $0.baseAddress, $0.count)
    }
    try check(code)
    return try P256.PublicKey(bytes)
  }
}
