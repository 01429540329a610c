import Basics

/// What a resource answers with, whole or in blocks (RFC 7959 section 2.4): nothing of it is held between the blocks. A body
/// that may change has an ETag, by which the client sees that blocks do not belong together.
public struct CoAPBody {
  /// How many bytes there are.
  public let count: UInt64
  public let etag: [UInt8]?
  public let contentFormat: CoAPContentFormat?
  private let read: (_ offset: UInt64, _ count: Int) -> [UInt8]

  /// A body that is at hand. Its ETag is made of its bytes.
  public init(_ bytes: [UInt8], contentFormat: CoAPContentFormat? = nil) {
    self.init(count: UInt64(bytes.count), etag: CoAPETag.of(bytes), contentFormat: contentFormat) { offset, count in
      Array(bytes.dropFirst(Int(offset)).prefix(count))
    }
  }

  /// A body that is read piece by piece: a log, an image.
  ///
  /// - Parameter read: the bytes from an offset below `count` on, as many as are asked for unless the body ends before.
  public init(
    count: UInt64, etag: [UInt8]?, contentFormat: CoAPContentFormat? = nil,
    read: @escaping (_ offset: UInt64, _ count: Int) -> [UInt8]
  ) {
    self.count = count
    self.etag = etag
    self.contentFormat = contentFormat
    self.read = read
  }

  /// The response to a request: all of it if that fits into one block, else the block that is asked for, the first one if
  /// none is. A client that has it already is told so (2.03).
  ///
  /// - Parameters:
  ///   - exponent: the largest block; smaller ones are used if asked for.
  ///   - bertBytes: on a stream, how much of the body a message may carry where the client speaks of BERT.
  public func response(
    to request: CoAPMessage, code: CoAPCode = .content, exponent: UInt8 = CoAPBlock.maximumExponent, bertBytes: Int = 0
  ) -> CoAPMessage {
    let wanted: CoAPBlock?
    switch CoAPBlockOption(.block2, in: request) {
    case .absent: wanted = nil
    case .malformed: return CoAPMessage(code: .badOption)
    case .block(let block): wanted = block
    }
    if code == .content, let etag, request.has(etag: etag) {
      var response = CoAPMessage(code: .valid)
      response.options.add(CoAPOption(.etag, etag))
      return response
    }
    return slice(wanted, of: request, code: code, exponent: exponent, bertBytes: bertBytes)
  }

  private func slice(
    _ wanted: CoAPBlock?, of request: CoAPMessage, code: CoAPCode, exponent: UInt8, bertBytes: Int
  ) -> CoAPMessage {
    let offset = wanted?.offset ?? 0
    guard offset == 0 || offset < count else { return CoAPMessage(code: .badRequest) }
    let isBERT = (wanted?.isBERT ?? false) && bertBytes >= CoAPBlock.bytes(CoAPBlock.bertExponent)
    let size = isBERT ? CoAPBlock.bertExponent : min(wanted?.exponent ?? exponent, exponent, CoAPBlock.maximumExponent)
    let blockBytes = CoAPBlock.bytes(size)
    let limit = isBERT ? bertBytes / blockBytes * blockBytes : blockBytes
    let isMore = count - offset > UInt64(limit)
    var response = CoAPMessage(code: code, payload: read(offset, isMore ? limit : Int(count - offset)))
    response.contentFormat = contentFormat
    if let etag { response.options.add(CoAPOption(.etag, etag)) }
    if wanted == nil, !isMore { return response }
    // A body of more blocks than can be counted cannot be sent so.
    guard let block = CoAPBlock(offset: offset, isMore: isMore, exponent: size) else {
      return CoAPMessage(code: .badRequest)
    }
    response.setBlock(.block2, block)
    if offset == 0 || request.options[.size2] != nil { response.options.add(CoAPOption(.size2, count)) }
    return response
  }
}

/// Which state of a resource a representation is of.
public enum CoAPETag {
  /// RFC 7252 section 5.10.6
  public static let maximumBytes = 8

  /// One that another body has only by chance.
  public static func of(_ bytes: [UInt8]) -> [UInt8] {
    let hash = Checksum.of(bytes)
    return (0..<8).map { UInt8(truncatingIfNeeded: hash >> UInt64(8 * $0)) }
  }
}
