import CMbedTLS

/// Bytes that are wiped when nobody holds them any more.
public final class Secret {
  /// For use in a call; an array that is kept outlives the wiping.
  public private(set) var bytes: [UInt8]

  /// Takes over `bytes`, which nobody else should hold.
  public init(_ bytes: consuming [UInt8]) {
    self.bytes = bytes
  }

  /// A copy of its own of `bytes`.
  public init(copying bytes: ArraySlice<UInt8>) {
    self.bytes = bytes.withUnsafeBufferPointer { Array($0) }
  }

  /// A secret that `fill` writes; what it returns is mbedtls's result.
  init(count: Int, _ fill: (UnsafeMutablePointer<UInt8>?) -> CInt) throws(CryptoError) {
    bytes = [UInt8](repeating: 0, count: count)
    try check(bytes.withUnsafeMutableBufferPointer { fill($0.baseAddress) })
  }

  deinit {
    bytes.withUnsafeMutableBytes { mbedtls_platform_zeroize($0.baseAddress, $0.count) }
  }
}

/// Comparing without telling, by how long it takes, where the first difference is.
public enum ConstantTime {
  /// Only the lengths may be learnt.
  public static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.count == right.count && mbedtls_ct_memcmp(left, right, left.count) == 0
  }
}
