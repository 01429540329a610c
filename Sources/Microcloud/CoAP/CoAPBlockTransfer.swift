/// The client's end of block-wise transfer (RFC 7959): one request with a body of any size, and its response, as a row of
/// messages. Each is to be sent when the response to the one before has come.
///
///     var transfer = CoAPBlockTransfer(request)
///     send(transfer.first)
///     // for each response:
///     switch transfer.receive(response) { case .send(let next): …; case .done(let whole): …; case .failed(let why): … }
public struct CoAPBlockTransfer: Sendable {
  public enum Step: Equatable, Sendable {
    case send(CoAPMessage)
    /// The last response, with the whole body.
    case done(CoAPMessage)
    case failed(CoAPBlockError)
  }

  /// How often it begins anew because the representation changed or blocks were lost at the server.
  private static let maximumRestarts = 3

  private let request: CoAPMessage
  private let maximumBodyBytes: Int
  /// How much of a body a message may carry on a stream that takes BERT; 0 on datagrams.
  private let bertBytes: Int
  private var exponent: UInt8
  /// How much of the request's body is sent; that it was taken, the next response says.
  private var sent = 0
  private var isSending: Bool
  /// The response as far as it is there.
  private var body: [UInt8] = []
  private var etag: [UInt8]?
  private var restarts = 0

  /// - Parameters:
  ///   - request: with all of its body. Where several go to one resource at once, each has a Request-Tag of its own.
  ///   - exponent: the size of blocks to begin with; the server may want smaller ones.
  ///   - maximumBodyBytes: a longer response is an error.
  public init(
    _ request: CoAPMessage, exponent: UInt8 = CoAPBlock.maximumExponent, bertBytes: Int = 0,
    maximumBodyBytes: Int = 64 * 1024
  ) {
    self.request = request
    self.maximumBodyBytes = maximumBodyBytes
    self.bertBytes = bertBytes
    let takesBERT = bertBytes >= CoAPBlock.bytes(CoAPBlock.bertExponent)
    self.exponent = takesBERT ? CoAPBlock.bertExponent : min(exponent, CoAPBlock.maximumExponent)
    isSending = request.payload.count > CoAPBlock.bytes(self.exponent)
  }

  /// The message to begin with.
  public var first: CoAPMessage {
    isSending ? piece(0) : asking(request)
  }

  /// Takes the response to the message sent last.
  public mutating func receive(_ response: CoAPMessage) -> Step {
    isSending ? receiveWhileSending(response) : receiveBody(response)
  }

  // MARK: The request's body

  private var chunkBytes: Int {
    let bytes = CoAPBlock.bytes(exponent)
    return exponent == CoAPBlock.bertExponent ? bertBytes / bytes * bytes : bytes
  }

  private func piece(_ offset: Int) -> CoAPMessage {
    var message = request
    let end = min(offset + chunkBytes, request.payload.count)
    message.payload = Array(request.payload[offset..<end])
    message.setBlock(
      .block1, CoAPBlock(offset: UInt64(offset), isMore: end < request.payload.count, exponent: exponent))
    if offset == 0 { message.options.add(CoAPOption(.size1, UInt64(request.payload.count))) }
    return end < request.payload.count ? message : asking(message)
  }

  private mutating func receiveWhileSending(_ response: CoAPMessage) -> Step {
    let next = min(sent + chunkBytes, request.payload.count)
    guard case .block(let block) = CoAPBlockOption(.block1, in: response) else {
      return response.code == .requestEntityIncomplete ? restart() : endSending(response)
    }
    if response.code == .requestEntityTooLarge, block.exponent < exponent {
      // It may fit in smaller blocks.
      exponent = block.exponent
      return restart()
    }
    if response.code == .requestEntityIncomplete { return restart() }
    guard response.code == .continue else { return endSending(response) }
    guard next < request.payload.count else { return .failed(.outOfTurn) }
    sent = next
    exponent = min(exponent, block.exponent)
    return .send(piece(sent))
  }

  /// The response itself; it may be the first block of its body.
  private mutating func endSending(_ response: CoAPMessage) -> Step {
    if response.code == .continue { return .failed(.outOfTurn) }
    isSending = false
    return receiveBody(response)
  }

  private mutating func restart() -> Step {
    restarts += 1
    guard restarts <= Self.maximumRestarts else { return .failed(.keepsChanging) }
    isSending = request.payload.count > CoAPBlock.bytes(exponent)
    sent = 0
    body = []
    etag = nil
    return .send(first)
  }

  // MARK: The response's body

  /// Asks for blocks that are not larger than those that are sent, where these are small or BERT.
  private func asking(_ message: CoAPMessage) -> CoAPMessage {
    guard exponent != CoAPBlock.maximumExponent, message.options[.block2] == nil else { return message }
    var message = message
    message.setBlock(.block2, CoAPBlock(number: 0, isMore: false, exponent: exponent))
    return message
  }

  private mutating func receiveBody(_ response: CoAPMessage) -> Step {
    switch CoAPBlockOption(.block2, in: response) {
    case .malformed: return .failed(.malformed)
    case .absent:
      // An error in the middle is the answer; a body without blocks in the middle belongs to nothing before.
      return response.payload.count > maximumBodyBytes ? .failed(.tooLarge) : .done(response)
    case .block(let block): return append(block, of: response)
    }
  }

  private mutating func append(_ block: CoAPBlock, of response: CoAPMessage) -> Step {
    let tag = response.options[.etag]?.value
    if block.offset != 0, tag != etag {
      // What changes something is not done again for the sake of its answer.
      return request.code.isSafe ? restart() : .failed(.keepsChanging)
    }
    guard block.offset == UInt64(body.count) else { return .failed(.outOfTurn) }
    let count = response.payload.count
    guard !block.isMore || count > 0 && count % block.bytes == 0 && (block.isBERT || count == block.bytes) else {
      return .failed(.malformed)
    }
    guard body.count + count <= maximumBodyBytes, response.options.unsigned(.size2) ?? 0 <= UInt64(maximumBodyBytes)
    else { return .failed(.tooLarge) }
    etag = tag
    body += response.payload
    guard block.isMore else {
      var whole = response
      whole.payload = body
      return .done(whole)
    }
    guard let next = CoAPBlock(offset: UInt64(body.count), isMore: false, exponent: block.exponent) else {
      return .failed(.tooLarge)
    }
    return .send(asking(for: next))
  }

  /// The same request for the next block: without Observe, which is about the first one (RFC 7959 section 2.6), and without
  /// a body that was carried out already (section 3.3) or has come in blocks.
  private func asking(for block: CoAPBlock) -> CoAPMessage {
    var message = request
    message.options.remove(.observe)
    if !request.code.isSafe || request.payload.count > CoAPBlock.bytes(exponent) {
      message.payload = []
      message.options.remove(.contentFormat)
    }
    message.setBlock(.block2, block)
    return message
  }
}

/// Why a block-wise transfer came to nothing.
public enum CoAPBlockError: Error, Equatable, Sendable {
  /// A block option, or a block's length, that cannot be.
  case malformed
  /// A block that was not asked for.
  case outOfTurn
  /// The body is longer than is taken.
  case tooLarge
  /// The representation changed each time before it was whole.
  case keepsChanging
}
