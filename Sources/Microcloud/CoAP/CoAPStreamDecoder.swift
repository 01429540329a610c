/// Cuts a byte stream into CoAP messages (RFC 8323 section 3.2), however the bytes arrive.
///
/// It holds at most one unfinished message, of at most `maximumMessageBytes`. After an error the stream cannot be
/// followed any more: each further call throws the same error, and the connection is to be aborted.
public struct CoAPStreamDecoder {
  /// The largest message taken, header included: 64 KiB of payload, and 1 KiB for header, token and options.
  public static let maximumMessageBytes = 65 * 1024

  private var buffer: [UInt8] = []

  /// A decoder at the start of a stream.
  public init() {}

  /// The next message, or nil when all of `bytes` is read and more are needed. What is read leaves `bytes`.
  ///
  ///     while let message = try decoder.next(from: &bytes) { … }
  ///
  /// Empty messages (code 0.00), which only keep a connection alive, are passed over.
  public mutating func next(from bytes: inout ArraySlice<UInt8>) throws(CoAPError) -> CoAPMessage? {
    while true {
      guard try fill(from: &bytes) else { return nil }
      let message = try CoAPStreamHeader.message(buffer)
      buffer.removeAll(keepingCapacity: true)
      if message.code != .empty { return message }
    }
  }

  /// Moves bytes to the buffer until it holds one whole message; false if there are too few.
  private mutating func fill(from bytes: inout ArraySlice<UInt8>) throws(CoAPError) -> Bool {
    while true {
      let missing = try CoAPStreamHeader.bytesNeeded(buffer) - buffer.count
      if missing == 0 { return true }
      if bytes.isEmpty { return false }
      let count = min(missing, bytes.count)
      buffer += bytes.prefix(count)
      bytes.removeFirst(count)
    }
  }
}

/// The first bytes of a message on a stream: length, token length, extended length, code.
enum CoAPStreamHeader {
  /// How many bytes of a message there must be to go on: all of them once the length is there, else those of the length.
  static func bytesNeeded(_ start: [UInt8]) throws(CoAPError) -> Int {
    guard let first = start.first else { return 1 }
    let header = headerBytes(first)
    let token = Int(first & 0xF)
    if token > CoAPMessage.maximumTokenBytes { throw .reservedTokenLength }
    if start.count < header { return header }
    let total = UInt64(header + token) + bodyBytes(start)
    if total > UInt64(CoAPStreamDecoder.maximumMessageBytes) { throw .messageTooLarge }
    return Int(total)
  }

  /// The message that all of `bytes` is, as `bytesNeeded` has found.
  static func message(_ bytes: [UInt8]) throws(CoAPError) -> CoAPMessage {
    let header = headerBytes(bytes[0])
    let token = Int(bytes[0] & 0xF)
    var rest = bytes[(header + token)...]
    let options = try CoAPOptions.decode(from: &rest)
    return CoAPMessage(
      code: CoAPCode(rawValue: bytes[header - 1]), token: Array(bytes[header..<header + token]), options: options,
      payload: Array(rest))
  }

  /// The bytes before the token.
  private static func headerBytes(_ first: UInt8) -> Int {
    switch first >> 4 {
    case 13: 3
    case 14: 4
    case 15: 6
    default: 2
    }
  }

  /// The bytes after the token: options, marker and payload.
  private static func bodyBytes(_ start: [UInt8]) -> UInt64 {
    switch start[0] >> 4 {
    case 13: UInt64(start[1]) + 13
    case 14: UInt64(start[1]) << 8 + UInt64(start[2]) + 269
    case 15: UInt64(start[1]) << 24 + UInt64(start[2]) << 16 + UInt64(start[3]) << 8 + UInt64(start[4]) + 65805
    default: UInt64(start[0] >> 4)
    }
  }

  /// Appends length, token length and code.
  static func append(bodyBytes: UInt64, tokenBytes: Int, code: CoAPCode, to output: inout [UInt8]) {
    let token = UInt8(tokenBytes)
    switch bodyBytes {
    case ..<13: output.append(UInt8(bodyBytes) << 4 | token)
    case ..<269: output += [13 << 4 | token, UInt8(bodyBytes - 13)]
    case ..<65805:
      output.append(14 << 4 | token)
      append(bodyBytes - 269, bytes: 2, to: &output)
    default:
      output.append(15 << 4 | token)
      append(bodyBytes - 65805, bytes: 4, to: &output)
    }
    output.append(code.rawValue)
  }

  private static func append(_ value: UInt64, bytes: Int, to output: inout [UInt8]) {
    for index in (0..<bytes).reversed() {
      output.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index)))
    }
  }
}
