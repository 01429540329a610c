/// What became of a transaction, as the store's writer tells it: the transaction's number (8 bytes, little-endian), the
/// error's kind (1 byte, 0: it was written) and its line.
struct WriterReply: Equatable {
  static let maximumBytes = 1024
  private static let headerBytes = 9

  /// 0: the writer itself, which is ready or cannot go on.
  let number: UInt64
  let failure: StoreError?

  init(_ number: UInt64, _ failure: StoreError?) {
    self.number = number
    self.failure = failure
  }

  /// Nil where the bytes are no reply.
  init?(_ bytes: [UInt8]) {
    guard bytes.count >= Self.headerBytes else { return nil }
    number = LittleEndian.number(bytes[..<8])
    if bytes[8] == 0 {
      failure = nil
    } else {
      guard let kind = StoreError.Kind(rawValue: bytes[8]) else { return nil }
      failure = StoreError(kind, String(decoding: bytes[Self.headerBytes...], as: UTF8.self))
    }
  }

  /// A line that is too long loses its end.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    LittleEndian.append(number, byteCount: 8, to: &bytes)
    bytes.append(failure?.kind.rawValue ?? 0)
    if let failure { bytes += Array(failure.description.utf8) }
    return bytes.count > Self.maximumBytes ? Array(bytes[..<Self.maximumBytes]) : bytes
  }
}
