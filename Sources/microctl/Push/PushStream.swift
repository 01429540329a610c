import Basics
import CSystem
import LinuxSystem
import MicroAgent
import Microcloud

/// One of several connections to an agent on which pieces of a blob go at the same time: it never waits.
final class PushStream {
  enum State {
    case connecting
    /// Each end says what it takes.
    case greeting
    case agreeing(token: [UInt8])
    case finishing(token: [UInt8])
    case ready
    case closed
  }

  private struct UnderWay {
    let token: [UInt8]
    let digest: [UInt8]
    let piece: Range<UInt64>
  }

  /// What became of a piece.
  struct Answer {
    /// Of which blob.
    let digest: [UInt8]
    let piece: Range<UInt64>
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

  /// How many pieces it may have under way: more, as long as the network takes all of them at once. What a slow stream has
  /// under way is soon done when nothing else is left.
  private var window = 4
  private static let mostWindow = 32
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
      state = .connecting
      security = try Client.makeSecurity(for: node)
      Congestion.prefer(on: socket)
    }
    guard socket >= 0 else {
      close()
      return
    }
    do throws(CoAPError) { outgoing = try CoAPStreamEncoder.encode(CapabilitiesAndSettings.ours.message)[...] } catch {
      close()
    }
  }

  deinit { close() }

  func close() {
    if socket >= 0 { _ = system_close(socket) }
    socket = -1
    state = .closed
  }

  var isClosed: Bool { if case .closed = state { true } else { false } }
  var isReady: Bool { if case .ready = state { true } else { false } }
  /// It may be given a piece.
  var hasRoom: Bool { isReady && underWay.count < window }
  var wantsToWrite: Bool { !outgoing.isEmpty }

  /// Sends a piece as soon as it can.
  func put(_ bytes: [UInt8], _ piece: Range<UInt64>, of blob: BlobSource) throws(Failure) {
    var message = CoAPMessage(code: .put, token: nextToken(), payload: bytes)
    message.path = ["blobs", Hexadecimal.text(blob.digest)]
    let isMore = piece.upperBound < blob.sizeBytes
    guard let block = CoAPBlock(offset: piece.lowerBound, isMore: isMore, exponent: CoAPBlock.bertExponent) else {
      throw Failure(.refused, "push: a blob of \(blob.sizeBytes) bytes is too large")
    }
    message.options.add(block.option(.block1))
    message.options.add(CoAPOption(.size1, blob.sizeBytes))
    underWay.append(UnderWay(token: message.token, digest: blob.digest, piece: piece))
    enqueue(message)
  }

  /// Goes on when the socket is ready; returns what became of pieces.
  func goOn() -> [Answer] {
    if case .connecting = state {
      guard system_socket_error(socket) == 0 else {
        close()
        return []
      }
      state = .greeting
    }
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
    case .ready: return answered(message)
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
    if outgoing.isEmpty, underWay.count >= window { window = min(window + 1, Self.mostWindow) }
    let answered = underWay.remove(at: index)
    return Answer(digest: answered.digest, piece: answered.piece, message: message)
  }

  private func signal(_ message: CoAPMessage) {
    switch message.code {
    case .capabilitiesAndSettings:
      do throws(CoAPError) { try agentTakes.update(from: message) } catch { return close() }
      if case .greeting = state { begin() }
    case .ping: enqueue(CoAPMessage.pong(to: message), isPlain: true)
    case .abort: close()
    default: break
    }
  }

  /// Agrees on keys, where the agent is another machine's.
  private func begin() {
    guard security != nil else {
      state = .ready
      return
    }
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
