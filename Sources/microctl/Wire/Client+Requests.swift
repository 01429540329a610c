import MicroAgent
import Microcloud

// Requests and what is answered to them.
extension Client {
  /// Sends a request and waits for its answer; a refusal is thrown with the agent's own line.
  func request(
    _ code: CoAPCode, _ path: [String], query: [String] = [], payload: CBORValue? = nil, options: [CoAPOption] = []
  ) throws(Failure) -> CBORValue {
    try Self.content(of: try answer(to: try send(code, path, query: query, payload: payload, options: options)))
  }

  /// What there is at a path, or the refusal, as it comes.
  func ask(_ path: [String]) throws(Failure) -> CoAPMessage {
    try answer(to: try send(.get, path))
  }

  private func answer(to token: [UInt8]) throws(Failure) -> CoAPMessage { try answer(to: [token]) }

  /// The next answer to one of several requests.
  private func answer(to tokens: [[UInt8]]) throws(Failure) -> CoAPMessage {
    while true {
      switch try next() {
      case .message(let message) where tokens.contains(message.token): return message
      case .signal(let number): throw Failure(.exit(128 + number), "interrupted before the agent answered")
      case .outputClosed: throw Failure(.outputClosed, "")
      case .message, .timeout, .input: break
      }
    }
  }

  /// The same of what changes nothing and can be asked again: an agent that went away meanwhile is waited for.
  func fetch(_ path: [String], query: [String] = []) throws(Failure) -> CBORValue {
    try asOftenAsNeeded { () throws(Failure) in try request(.get, path, query: query) }
  }

  /// The same of several things, asked for at once, in their order.
  func fetch(_ paths: [[String]]) throws(Failure) -> [CBORValue] {
    try asOftenAsNeeded { () throws(Failure) in try request(paths) }
  }

  // Its code is large where it is repeated.
  @inline(never)
  private func asOftenAsNeeded<Answer>(_ ask: () throws(Failure) -> Answer) throws(Failure) -> Answer {
    for _ in 0..<Self.mostReconnections {
      do throws(Failure) { return try ask() } catch {
        guard error.kind == .connectionLost else { throw error }
      }
      try reconnect()
    }
    return try ask()
  }

  private func request(_ paths: [[String]]) throws(Failure) -> [CBORValue] {
    var tokens: [[UInt8]] = []
    for path in paths { tokens.append(try send(.get, path)) }
    var answers: [CBORValue?] = paths.map { _ in nil }
    while answers.contains(where: { $0 == nil }) {
      let message = try answer(to: tokens)
      if let index = tokens.firstIndex(of: message.token) { answers[index] = try Self.content(of: message) }
    }
    return answers.map { $0 ?? .null }
  }

  /// What an answer carries; null where that is nothing.
  static func content(of message: CoAPMessage) throws(Failure) -> CBORValue {
    guard message.code.isSuccess else { throw Failure(.refused, problem(of: message)) }
    if message.payload.isEmpty { return .null }
    let limits = CBORLimits(depth: 16, items: 64 * 1024, inputBytes: CoAPStreamDecoder.maximumMessageBytes)
    do throws(CBORError) { return try CBORDecoder.decode(message.payload, limits: limits) } catch {
      throw Failure(.refused, "read the agent's answer: \(error.description)")
    }
  }

  static func problem(of message: CoAPMessage) -> String {
    let value = try? CBORDecoder.decode(message.payload)
    let details = value.flatMap { try? ProblemDetails($0) }
    guard message.contentFormat == .problemDetails, let details, let title = details.title ?? details.detail else {
      return "the agent answered \(message.code) and does not say why"
    }
    return details.detail.map { details.title == nil ? title : "\(title): \($0)" } ?? title
  }
}
