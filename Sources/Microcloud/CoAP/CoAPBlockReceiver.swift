import Basics

/// The server's end of Block1: puts the bodies of requests together, each from one source and about one thing (RFC 7959
/// section 2.5, RFC 9175 section 3). A body is handed out when it is whole, or not at all.
///
/// Blocks that came with one protection and blocks that came with another, or in plain, never make a body together.
///
/// The blocks of a body come in order; a first block begins anew. A block that is not the next one is answered with 4.08.
public struct CoAPBlockReceiver: Sendable {
  public struct Limits: Sendable {
    /// The largest body.
    public var bodyBytes = 64 * 1024
    /// What all unfinished bodies may have together.
    public var totalBytes = 256 * 1024
    /// The most unfinished bodies of one peer (and one protection), of which the oldest gives way, and of all, where the next one has to wait.
    public var transfersPerPeer = 2
    public var transfers = 32
    /// How long the next block may take to come.
    public var milliseconds: UInt64 = 60_000
    /// The size that is asked for where blocks are larger.
    public var exponent = CoAPBlock.maximumExponent

    public init() {}
  }

  public enum Outcome: Equatable, Sendable {
    /// The request with its whole body; `CoAPBlockReceiver.finish` completes the response to it.
    case complete(CoAPMessage)
    /// This is to be answered: go on, or an error.
    case answer(CoAPMessage)
  }

  private struct Transfer {
    let peer: SocketAddress
    /// The security context; nil: none.
    let context: UInt64?
    let key: [UInt8]
    var body: [UInt8]
    var deadline: Instant
  }

  /// The longest options that tell transfers apart.
  private static let maximumKeyBytes = 512
  /// When a client should try again whose body had no room.
  private static let retrySeconds: UInt64 = 10

  private let limits: Limits
  /// In the order in which they began.
  private var transfers: [Transfer] = []

  public init(limits: Limits = Limits()) {
    self.limits = limits
  }

  /// The bytes that are held.
  public var heldBytes: Int { transfers.reduce(0) { $0 + $1.body.count } }
  public var transferCount: Int { transfers.count }

  /// When `expire` has something to do.
  public var nextDeadline: Instant? { transfers.map { $0.deadline }.min() }

  /// Lets go of bodies whose next block did not come.
  public mutating func expire(now: Instant) {
    transfers.removeAll { $0.deadline <= now }
  }

  /// Takes a request, whether it is one block or whole. `protection` is what it came with.
  public mutating func receive(
    _ request: CoAPMessage, from peer: SocketAddress, protection: CoAPProtection? = nil, now: Instant
  ) -> Outcome {
    switch CoAPBlockOption(.block1, in: request) {
    case .absent: return .complete(request)
    case .malformed: return .answer(CoAPMessage(code: .badOption))
    case .block(let block): return receive(block, of: request, from: peer, protection?.context, now: now)
    }
  }

  /// Says in the response to a request that came in blocks that its last block was taken.
  public static func finish(_ response: CoAPMessage, to request: CoAPMessage) -> CoAPMessage {
    guard case .block(let block) = CoAPBlockOption(.block1, in: request) else { return response }
    var response = response
    response.setBlock(.block1, block)
    return response
  }

  private mutating func receive(
    _ block: CoAPBlock, of request: CoAPMessage, from peer: SocketAddress, _ context: UInt64?, now: Instant
  ) -> Outcome {
    expire(now: now)
    guard isWellFormed(block, request.payload.count) else { return .answer(CoAPMessage(code: .badRequest)) }
    let key = request.blockKey
    guard key.count <= Self.maximumKeyBytes else { return .answer(CoAPMessage(code: .requestEntityTooLarge)) }
    let end = block.offset + UInt64(request.payload.count)
    if end > UInt64(limits.bodyBytes) || request.options.unsigned(.size1) ?? 0 > UInt64(limits.bodyBytes) {
      transfers.removeAll { $0.peer == peer && $0.context == context && $0.key == key }
      return .answer(tooLarge(block))
    }
    guard let index = place(peer, context, key, isFirst: block.number == 0, now: now) else {
      // The last block alone is no body, and one out of turn shows that others are missing.
      if block.number != 0 { return .answer(CoAPMessage(code: .requestEntityIncomplete)) }
      return .answer(unavailable)
    }
    return append(block, of: request, at: index, now: now)
  }

  /// A block that is not the last one is full; one of BERT is full of blocks.
  private func isWellFormed(_ block: CoAPBlock, _ count: Int) -> Bool {
    if block.isBERT { return block.isMore ? count > 0 && count % block.bytes == 0 : true }
    return block.isMore ? count == block.bytes : count <= block.bytes
  }

  /// The transfer that a block belongs to; for a first block a new one.
  private mutating func place(
    _ peer: SocketAddress, _ context: UInt64?, _ key: [UInt8], isFirst: Bool, now: Instant
  ) -> Int? {
    let known = transfers.firstIndex { $0.peer == peer && $0.context == context && $0.key == key }
    if !isFirst { return known }
    if let known { transfers.remove(at: known) }
    if transfers.filter({ $0.peer == peer && $0.context == context }).count >= limits.transfersPerPeer,
      let oldest = transfers.firstIndex(where: { $0.peer == peer && $0.context == context })
    {
      transfers.remove(at: oldest)
    }
    guard transfers.count < limits.transfers else { return nil }
    transfers.append(Transfer(peer: peer, context: context, key: key, body: [], deadline: now))
    return transfers.count - 1
  }

  private mutating func append(
    _ block: CoAPBlock, of request: CoAPMessage, at index: Int, now: Instant
  ) -> Outcome {
    let held = UInt64(transfers[index].body.count)
    let isRepeated = held > 0 && block.isMore && block.offset + UInt64(request.payload.count) == held
    guard isRepeated || block.offset == held else {
      transfers.remove(at: index)
      return .answer(CoAPMessage(code: .requestEntityIncomplete))
    }
    if !isRepeated {
      guard heldBytes + request.payload.count <= limits.totalBytes else {
        transfers.remove(at: index)
        return .answer(unavailable)
      }
      transfers[index].body += request.payload
    }
    transfers[index].deadline = now.advanced(milliseconds: limits.milliseconds)
    if block.isMore { return .answer(goOn(block)) }
    var whole = request
    whole.payload = transfers.remove(at: index).body
    return .complete(whole)
  }

  /// 2.31, which asks for smaller blocks if they are larger than wanted; the client goes on where it is.
  private func goOn(_ block: CoAPBlock) -> CoAPMessage {
    var message = CoAPMessage(code: .continue)
    let exponent = block.isBERT ? block.exponent : min(block.exponent, limits.exponent)
    message.setBlock(.block1, CoAPBlock(number: UInt64(block.number), isMore: true, exponent: exponent))
    return message
  }

  private func tooLarge(_ block: CoAPBlock) -> CoAPMessage {
    var message = CoAPMessage(code: .requestEntityTooLarge)
    message.setBlock(.block1, block)
    message.options.add(CoAPOption(.size1, UInt64(limits.bodyBytes)))
    return message
  }

  private var unavailable: CoAPMessage {
    var message = CoAPMessage(code: .serviceUnavailable)
    message.options.add(CoAPOption(.maxAge, Self.retrySeconds))
    return message
  }
}
