import Basics
import CSystem
import LinuxSystem
import MicroAgent
import Microcloud

/// One of several connections to an agent on which pieces of a blob go at the same time: it never waits.
final class PushStream {
  enum State {
    /// On this machine: the agent says first what it takes.
    case greeting
    case agreeing(token: [UInt8])
    /// There are keys, and what they protect may follow; that the agent takes us it has not said yet.
    case finishing(token: [UInt8])
    case ready
    case closed
  }

  private struct UnderWay {
    let token: [UInt8]
    let piece: PushSchedule.Piece
  }

  /// What became of a piece.
  struct Answer {
    let piece: PushSchedule.Piece
    let message: CoAPMessage
  }

  /// Tells the streams of one push apart.
  let number: Int
  private let destination: Destination
  private(set) var socket: CInt
  private(set) var state: State
  private var security: SecureStreamClient?
  private var decoder = CoAPStreamDecoder()
  private var outgoing: ArraySlice<UInt8> = []
  private var agentTakes = CapabilitiesAndSettings.initial
  private var lastToken: UInt32 = 0
  private var underWay: [UnderWay] = []
  /// Why it could not be opened, where trying again does not help.
  private(set) var failure: Failure?

  /// The kernel has sent nearly all that it was given: what it gets now goes soon. How much of the blobs a stream carries its
  /// TCP decides so, piece by piece; nothing waits behind a slow stream.
  private var isDrained = false
  /// What the kernel may have that it has not sent yet, when it takes more: the third of a second of a slow stream, so that it
  /// has something to send while this process waits for its turn.
  private static let unsentBytes: UInt32 = 32 * 1024
  private static let readBytes = 16 * 1024

  init(_ number: Int, to destination: Destination) throws(Failure) {
    self.number = number
    self.destination = destination
    switch destination {
    case .local(let path):
      socket = system_unix_connect(path)
      state = .greeting
    case .node(let node):
      socket = node.address.withSockaddr { system_tcp_connect($0) }
      state = .greeting
      security = try Client.makeSecurity(for: node)
      Congestion.prefer(on: socket)
      _ = system_limit_unsent(socket, Self.unsentBytes)
    }
    guard socket >= 0 else {
      close()
      return
    }
    enqueue(CapabilitiesAndSettings.ours.message, isPlain: true)
    if security != nil { begin() }
  }

  deinit { close() }

  func close() {
    if socket >= 0 { _ = system_close(socket) }
    socket = -1
    state = .closed
  }

  var isClosed: Bool { if case .closed = state { true } else { false } }
  var isReady: Bool {
    switch state {
    case .finishing, .ready: true
    case .greeting, .agreeing, .closed: false
    }
  }
  /// It may be given a piece.
  var hasRoom: Bool { isReady && isDrained && outgoing.isEmpty }

  /// What it waits for, as poll(2) has it.
  var events: Int16 { Int16(isDrained && outgoing.isEmpty ? POLLIN : POLLIN | POLLOUT) }

  /// The kernel takes more.
  func noteRoom() { isDrained = true }

  /// Sends a piece as soon as it can.
  func put(_ bytes: [UInt8], _ piece: PushSchedule.Piece, of blob: BlobSource) throws(Failure) {
    let (start, end) = (piece.range.lowerBound, piece.range.upperBound)
    var message = CoAPMessage(code: .put, token: nextToken(), payload: bytes)
    message.path = ["blobs", Hexadecimal.text(blob.digest)]
    guard let block = CoAPBlock(offset: start, isMore: end < blob.sizeBytes, exponent: CoAPBlock.bertExponent) else {
      throw Failure(.refused, "push: a blob of \(blob.sizeBytes) bytes is too large")
    }
    message.options.add(block.option(.block1))
    message.options.add(CoAPOption(.size1, blob.sizeBytes))
    underWay.append(UnderWay(token: message.token, piece: piece))
    enqueue(message)
    isDrained = false
  }

  /// Goes on when the socket is ready; returns what became of pieces.
  func goOn() -> [Answer] {
    write()
    return read()
  }

  // MARK: Bytes

  private func write() {
    while !outgoing.isEmpty, socket >= 0 {
      // As a message, so that an agent that went away is an error and no signal.
      let count = outgoing.withUnsafeBytes { system_send_message(socket, $0.baseAddress, $0.count, nil, 0, 0) }
      if count == -Int(Errno.wouldBlock.rawValue) { return }
      if count < 0 { return close() }
      outgoing.removeFirst(Int(count))
    }
  }

  private func read() -> [Answer] {
    var answers: [Answer] = []
    var bytes = [UInt8](repeating: 0, count: Self.readBytes)
    while socket >= 0 {
      let count = bytes.withUnsafeMutableBytes { system_read(socket, $0.baseAddress, $0.count) }
      if count == -Int(Errno.wouldBlock.rawValue) { break }
      guard count > 0 else {
        close()
        break
      }
      var rest = bytes[..<Int(count)]
      while socket >= 0, let message = try? decoder.next(from: &rest) {
        if let answer = take(message) { answers.append(answer) }
      }
    }
    return answers
  }

  private func nextToken() -> [UInt8] {
    lastToken += 1
    return [UInt8(truncatingIfNeeded: lastToken >> 8), UInt8(truncatingIfNeeded: lastToken)]
  }

  private func enqueue(_ message: CoAPMessage, isPlain: Bool = false) {
    var message = message
    if !isPlain, security != nil {
      guard let protected = try? security!.protect(message) else { return close() }
      message = protected
    }
    guard let bytes = try? CoAPStreamEncoder.encode(message, maximumBytes: agentTakes.maximumMessageBytes) else {
      return close()
    }
    outgoing += bytes
    write()
  }

  // MARK: Messages

  private func take(_ message: CoAPMessage) -> Answer? {
    if message.code.isSignal {
      signal(message)
      return nil
    }
    switch state {
    case .agreeing(let token) where message.token == token: agree(message)
    case .finishing(let token) where message.token == token:
      do throws(EDHOCError) {
        try security?.takeFinish(message)
        state = .ready
      } catch {
        refuse(error)
      }
    case .finishing, .ready: return answered(message)
    default: break
    }
    return nil
  }

  private func answered(_ message: CoAPMessage) -> Answer? {
    var message = message
    if security != nil {
      guard let verified = try? security!.unprotect(message) else {
        close()
        return nil
      }
      message = verified
    }
    guard let index = underWay.firstIndex(where: { $0.token == message.token }) else { return nil }
    return Answer(piece: underWay.remove(at: index).piece, message: message)
  }

  private func signal(_ message: CoAPMessage) {
    switch message.code {
    case .capabilitiesAndSettings:
      do throws(CoAPError) { try agentTakes.update(from: message) } catch { return close() }
      if case .greeting = state { state = .ready }
    case .ping: enqueue(CoAPMessage.pong(to: message), isPlain: true)
    case .abort: close()
    default: break
    }
  }

  /// Begins to agree on keys with another machine's agent; what that takes it says meanwhile.
  private func begin() {
    let token = nextToken()
    do throws(EDHOCError) {
      enqueue(try security!.hello(token: token), isPlain: true)
      state = .agreeing(token: token)
    } catch {
      refuse(error)
    }
  }

  private func agree(_ message: CoAPMessage) {
    // Too many agree on keys at the moment: there will be another stream later.
    guard case .node(let node) = destination, message.code != .tooManyRequests else { return close() }
    let token = nextToken()
    var problem: Failure?
    do throws(EDHOCError) {
      let finish = try security!.takeHello(message, token: token) { credential in
        do throws(Failure) { try KnownNodes.check(credential.publicKey, of: node) } catch { problem = error }
        return problem == nil
      }
      enqueue(finish, isPlain: true)
      state = .finishing(token: token)
    } catch {
      failure = problem
      refuse(error)
    }
  }

  private func refuse(_ error: EDHOCError) {
    if failure == nil { failure = Client.failure(error, destination) }
    close()
  }
}

/// How fast TCP sends where packets are lost: BBR goes by the link's rate, where others take each loss for a full link.
enum Congestion {
  /// Asks for BBR, or for what MICROAGENT_TCP_CONGESTION names; a kernel that does not have it goes on as it does.
  static func prefer(on socket: CInt) {
    if socket >= 0 { _ = system_set_congestion_control(socket, wanted) }
  }

  /// Whether a socket has it.
  static func isRateBased(_ socket: CInt) -> Bool { system_has_congestion_control(socket, "bbr") == 1 }

  private static var wanted: String {
    guard let set = getenv("MICROAGENT_TCP_CONGESTION"), set.pointee != 0 else { return "bbr" }
    return String(cString: set)
  }
}
