import Basics
import TestSupport
import Testing

@testable import Microcloud

struct CoAPBlockTests {
  private let peer = SocketAddress(.v4(1), port: 1)
  private let now = Instant(nanoseconds: 0)

  private func body(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) } }

  private func block(_ number: UInt64, _ isMore: Bool, _ exponent: UInt8) -> CoAPBlock {
    CoAPBlock(number: number, isMore: isMore, exponent: exponent)!
  }

  /// RFC 7959 section 2.2 and the options of figures 2 to 11, written NUM/M/SIZE.
  @Test func values() {
    let examples: [(UInt64, Bool, UInt8, [UInt8])] = [
      (0, false, 0, []), (0, true, 3, [0x0B]), (1, true, 3, [0x1B]), (5, false, 2, [0x52]),
      (16, true, 6, [0x01, 0x0E]),
      (0xFFFFF, true, 6, [0xFF, 0xFF, 0xFE]),
    ]
    for (number, isMore, exponent, value) in examples {
      let block = block(number, isMore, exponent)
      #expect(block.option(.block2).value == value)
      #expect(CoAPBlock(CoAPOption(.block2, value)) == block)
    }
    #expect(CoAPBlock(CoAPOption(.block2, [1, 0, 0, 0])) == nil)
    #expect(CoAPBlock(number: 1 << 20, isMore: false, exponent: 0) == nil)
    #expect(CoAPBlock(offset: 100, isMore: false, exponent: 3) == nil)
    // The largest offsets are beyond what 32 bits times a size hold.
    #expect(block(0xFFFFF, false, 6).offset == 1_073_740_800)
    #expect(block(0xFFFFF, false, 7).offset == 1_073_740_800)
  }

  /// Client against server, both ends ours, over every size of block and sizes of bodies at their borders.
  @Test(arguments: 0...6 as ClosedRange<UInt8>)
  func everySizeBothWays(exponent: UInt8) throws {
    let size = 16 << Int(exponent)
    for count in [0, 1, size - 1, size, size + 1, 3 * size, 3 * size + 7] {
      var request = CoAPMessage(.post, "x", payload: body(count))
      request.contentFormat = .octetStream
      let answer = body(count + 5)
      let whole = try exchange(request, exponent: exponent, answering: answer)
      #expect(whole.payload == answer)
      #expect(whole.code == .content)
    }
  }

  /// Carries a request through a receiver and a body, and checks what arrives there.
  private func exchange(
    _ request: CoAPMessage, exponent: UInt8, bertBytes: Int = 0, answering answer: [UInt8]
  ) throws -> CoAPMessage {
    var receiver = CoAPBlockReceiver()
    var transfer = CoAPBlockTransfer(request, exponent: exponent, bertBytes: bertBytes)
    var message = transfer.first
    var arrivals = 0
    for _ in 0..<10_000 {
      let response: CoAPMessage
      switch receiver.receive(message, from: peer, now: now) {
      case .answer(let goOn): response = goOn
      case .complete(let whole):
        if message.options[.block2].flatMap({ CoAPBlock($0) })?.number ?? 0 == 0 {
          arrivals += 1
          #expect(whole.payload == request.payload)
          #expect(whole.contentFormat == request.contentFormat)
        }
        let served = CoAPBody(answer).response(to: whole, exponent: exponent, bertBytes: bertBytes)
        response = CoAPBlockReceiver.finish(served, to: whole)
      }
      switch transfer.receive(response) {
      case .send(let next): message = next
      case .done(let whole):
        #expect(arrivals == 1 && receiver.transferCount == 0)
        return whole
      case .failed(let error): throw error
      }
    }
    Issue.record("it does not end")
    throw CoAPBlockError.outOfTurn
  }

  /// RFC 8323 section 6: several blocks of 1024 in a message.
  @Test func bertCarriesSeveralBlocks() throws {
    let request = CoAPMessage(.put, "image", payload: body(20_000))
    var transfer = CoAPBlockTransfer(request, bertBytes: 9000)
    #expect(transfer.first.payload.count == 8192)
    #expect(CoAPBlock(transfer.first.options[.block1]!) == block(0, true, 7))
    guard case .send(let second) = transfer.receive(continued(block(0, true, 7))) else {
      throw CoAPBlockError.outOfTurn
    }
    #expect(CoAPBlock(second.options[.block1]!) == block(8, true, 7))
    #expect(try exchange(request, exponent: 6, bertBytes: 9000, answering: body(30_000)).payload == body(30_000))
  }

  private func continued(_ block: CoAPBlock) -> CoAPMessage {
    var message = CoAPMessage(code: .continue)
    message.setBlock(.block1, block)
    return message
  }

  // MARK: The server

  private func piece(_ number: UInt64, _ isMore: Bool, _ exponent: UInt8, _ payload: [UInt8], tag: UInt64? = nil)
    -> CoAPMessage
  {
    var message = CoAPMessage(.put, "x", payload: payload)
    message.setBlock(.block1, block(number, isMore, exponent))
    if let tag { message.options.add(CoAPOption(.requestTag, tag)) }
    return message
  }

  private func code(_ outcome: CoAPBlockReceiver.Outcome) -> CoAPCode? {
    guard case .answer(let message) = outcome else { return nil }
    return message.code
  }

  @Test func onlyBlocksInTurnMakeABody() {
    var receiver = CoAPBlockReceiver()
    let full = body(16)
    func take(_ message: CoAPMessage) -> CoAPCode? { code(receiver.receive(message, from: peer, now: now)) }
    #expect(take(piece(1, true, 0, full)) == .requestEntityIncomplete)
    #expect(take(piece(1, false, 0, full)) == .requestEntityIncomplete)
    #expect(take(piece(0, true, 0, full)) == .continue)
    #expect(take(piece(0, true, 0, [1])) == .badRequest, "a block with more after it is full")
    #expect(take(piece(0, true, 0, full)) == .continue, "anew")
    #expect(take(piece(1, true, 0, full)) == .continue)
    #expect(take(piece(1, true, 0, full)) == .continue, "a copy")
    #expect(take(piece(3, false, 0, full)) == .requestEntityIncomplete)
    #expect(receiver.transferCount == 0)
    #expect(take(piece(2, false, 0, full)) == .requestEntityIncomplete)
  }

  @Test func bodiesOfDifferentRequestsDoNotMix() {
    var receiver = CoAPBlockReceiver()
    let other = SocketAddress(.v4(2), port: 1)
    _ = receiver.receive(piece(0, true, 0, [UInt8](repeating: 1, count: 16), tag: 1), from: peer, now: now)
    _ = receiver.receive(piece(0, true, 0, [UInt8](repeating: 2, count: 16), tag: 2), from: peer, now: now)
    _ = receiver.receive(piece(0, true, 0, [UInt8](repeating: 3, count: 16), tag: 1), from: other, now: now)
    guard case .complete(let whole) = receiver.receive(piece(1, false, 0, [9], tag: 1), from: peer, now: now) else {
      Issue.record("not complete")
      return
    }
    #expect(whole.payload == [UInt8](repeating: 1, count: 16) + [9])
    #expect(receiver.transferCount == 2)
  }

  @Test func memoryIsBounded() {
    var receiver = CoAPBlockReceiver()
    let limits = CoAPBlockReceiver.Limits()
    var random = SeededGenerator(seed: 4)
    for number in 0..<20_000 {
      let source = SocketAddress(.v4(UInt32(random.below(60))), port: 1)
      let message = piece(UInt64(random.below(64)) * random.below(2), true, 6, body(1024), tag: UInt64(random.below(4)))
      _ = receiver.receive(message, from: source, now: Instant(nanoseconds: UInt64(number) * 1_000_000))
      #expect(receiver.heldBytes <= limits.totalBytes && receiver.transferCount <= limits.transfers)
    }
    receiver.expire(now: Instant(nanoseconds: 20_000_000_000 + 60_000_000_000))
    #expect(receiver.transferCount == 0 && receiver.nextDeadline == nil)
  }

  @Test func tooLargeSaysHowMuchIsTaken() throws {
    var receiver = CoAPBlockReceiver()
    var first = piece(0, true, 6, body(1024))
    first.options.add(CoAPOption(.size1, 100_000))
    guard case .answer(let refused) = receiver.receive(first, from: peer, now: now) else {
      throw CoAPBlockError.outOfTurn
    }
    #expect(refused.code == .requestEntityTooLarge && refused.options.unsigned(.size1) == 65536)
    #expect(code(receiver.receive(piece(0xFFFFF, true, 6, body(1024)), from: peer, now: now)) == .requestEntityTooLarge)
    #expect(receiver.transferCount == 0)
  }

  @Test func asksForSmallerBlocks() throws {
    var limits = CoAPBlockReceiver.Limits()
    limits.exponent = 2
    var receiver = CoAPBlockReceiver(limits: limits)
    let request = CoAPMessage(.put, "x", payload: body(3000))
    var transfer = CoAPBlockTransfer(request)
    var message = transfer.first
    var sizes: [Int] = []
    while true {
      sizes.append(message.payload.count)
      let outcome = receiver.receive(message, from: peer, now: now)
      guard case .answer(let answer) = outcome else {
        guard case .complete(let whole) = outcome else { return }
        #expect(whole.payload == request.payload)
        break
      }
      guard case .send(let next) = transfer.receive(answer) else { throw CoAPBlockError.outOfTurn }
      message = next
    }
    #expect(sizes.prefix(3) == [1024, 64, 64])
  }

  // MARK: Bodies

  @Test func servesAnyBlockOfABigBody() throws {
    var read: [(UInt64, Int)] = []
    let total = UInt64(3_000_000)
    let big = CoAPBody(count: total, etag: [1]) { offset, count in
      read.append((offset, count))
      return [UInt8](repeating: UInt8(truncatingIfNeeded: offset >> 10), count: count)
    }
    var request = CoAPMessage(.get, "log")
    request.setBlock(.block2, block(2000, false, 6))
    let response = big.response(to: request)
    #expect(response.payload == [UInt8](repeating: UInt8(truncatingIfNeeded: 2000), count: 1024))
    #expect(CoAPBlock(response.options[.block2]!) == block(2000, true, 6))
    #expect(read.count == 1 && read[0] == (2_048_000, 1024))
    request.setBlock(.block2, block(2929, false, 6))
    #expect(big.response(to: request).payload.count == 704)
    for beyond: (UInt64, UInt8) in [(2930, 6), (0xFFFFF, 6), (0xFFFFF, 7)] {
      request.setBlock(.block2, block(beyond.0, false, beyond.1))
      #expect(big.response(to: request).code == .badRequest)
    }
  }

  @Test func clientThatHasItIsToldSo() throws {
    let body = CoAPBody([1, 2, 3])
    var request = CoAPMessage(.get, "x")
    let etag = try #require(body.response(to: request).options[.etag])
    #expect(etag.value.count <= CoAPETag.maximumBytes)
    request.options.add(etag)
    #expect(body.response(to: request).code == .valid && body.response(to: request).payload.isEmpty)
    #expect(CoAPBody([1, 2, 4]).response(to: request).code == .content)
  }

  @Test func blocksOfDifferentStatesAreNeverMixed() throws {
    let old = body(300)
    let new = body(310).reversed().map { $0 }
    var transfer = CoAPBlockTransfer(CoAPMessage(.get, "x"), exponent: 2)
    var message = transfer.first
    var asked = 0
    while true {
      asked += 1
      let response = CoAPBody(asked <= 2 ? old : new).response(to: message)
      switch transfer.receive(response) {
      case .send(let next): message = next
      case .done(let whole):
        #expect(whole.payload == new)
        #expect(asked == 3 + 5)
        return
      case .failed(let error): throw error
      }
    }
  }

  @Test func clientGivesUpInTime() throws {
    // A state that changes with every block.
    var transfer = CoAPBlockTransfer(CoAPMessage(.get, "x"), exponent: 2)
    var message = transfer.first
    var step = CoAPBlockTransfer.Step.send(message)
    for number in 0..<100 {
      guard case .send(let next) = step else { break }
      message = next
      var state = body(300)
      state[0] = UInt8(number)
      step = transfer.receive(CoAPBody(state).response(to: message))
    }
    #expect(step == .failed(.keepsChanging))

    // A server whose body has no end.
    var endless = CoAPBlockTransfer(CoAPMessage(.get, "x"), maximumBodyBytes: 5000)
    let zeros = CoAPBody(count: 1 << 29, etag: nil) { _, count in [UInt8](repeating: 0, count: count) }
    step = endless.receive(zeros.response(to: endless.first))
    #expect(step == .failed(.tooLarge), "Size2 says so at once")

    var wrong = CoAPMessage(code: .content, payload: body(64))
    wrong.setBlock(.block2, block(7, true, 2))
    var surprised = CoAPBlockTransfer(CoAPMessage(.get, "x"))
    #expect(surprised.receive(wrong) == .failed(.outOfTurn))
  }

  @Test func whatChangesSomethingIsNotDoneTwice() {
    var transfer = CoAPBlockTransfer(CoAPMessage(.post, "x"), exponent: 2)
    guard case .send(let next) = transfer.receive(CoAPBody(body(300)).response(to: transfer.first)) else { return }
    #expect(transfer.receive(CoAPBody(body(301)).response(to: next)) == .failed(.keepsChanging))
  }
}
