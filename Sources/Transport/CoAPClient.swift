import Basics
import EventLoop
import Microcloud

/// Why a request came to nothing.
public enum CoAPRequestFailure: Error, Equatable, Sendable {
  /// It could not be sent.
  case notSent(CoAPError)
  /// There was no answer.
  case ended(CoAPEnd)
  /// The answer's blocks do not make a body.
  case blocks(CoAPBlockError)
}

/// Requests over a `CoAPTransport` whose bodies and answers may take many blocks, some at once.
public final class CoAPClient {
  /// Is called exactly once, unless the transport is closed before: with the answer, which may be an error of the server's.
  public typealias Completion = (Result<CoAPMessage, CoAPRequestFailure>) -> Void

  private struct Request {
    var id: CoAPExchangeID
    let peer: SocketAddress
    let context: UInt64?
    var transfer: CoAPBlockTransfer
    let deadline: Instant
    let completion: Completion
  }

  private let transport: CoAPTransport
  private let loop: EventLoop
  private var requests: [Request] = []

  /// - Parameter transport: whoever owns it gives its effects to `take`.
  public init(_ transport: CoAPTransport, on loop: EventLoop) {
    self.transport = transport
    self.loop = loop
  }

  /// How many requests are under way.
  public var count: Int { requests.count }

  /// Sends a request.
  ///
  /// - Parameters:
  ///   - context: the number of a security context; nil: it goes in plain.
  ///   - timeoutMilliseconds: how long all of it may take.
  ///   - maximumBodyBytes: a longer answer is an error.
  public func request(
    _ message: CoAPMessage, to peer: SocketAddress, context: UInt64? = nil, timeoutMilliseconds: UInt64,
    maximumBodyBytes: Int = 64 * 1024, completion: @escaping Completion
  ) {
    let transfer = CoAPBlockTransfer(message, maximumBodyBytes: maximumBodyBytes)
    let deadline = loop.now.advanced(milliseconds: timeoutMilliseconds)
    do throws(CoAPError) {
      let id = try transport.request(
        transfer.first, to: peer, context: context, timeoutMilliseconds: timeoutMilliseconds)
      requests.append(
        Request(
          id: id, peer: peer, context: context, transfer: transfer, deadline: deadline, completion: completion))
    } catch {
      completion(.failure(.notSent(error)))
    }
  }

  /// Takes an effect of the transport's; those that are about no request of this client do nothing.
  public func take(_ effect: CoAPEffect) {
    switch effect {
    case .response(let id, let message, _):
      guard let index = requests.firstIndex(where: { $0.id == id }) else { return }
      received(message, index)
    case .ended(let id, let reason):
      guard let index = requests.firstIndex(where: { $0.id == id }) else { return }
      finish(index, .failure(.ended(reason)))
    case .send, .request, .delivered: break
    }
  }

  private func received(_ message: CoAPMessage, _ index: Int) {
    switch requests[index].transfer.receive(message) {
    case .send(let next): goOn(next, index)
    case .done(let whole): finish(index, .success(whole))
    case .failed(let error): finish(index, .failure(.blocks(error)))
    }
  }

  private func goOn(_ message: CoAPMessage, _ index: Int) {
    let left = requests[index].deadline.milliseconds(since: loop.now)
    do throws(CoAPError) {
      requests[index].id = try transport.request(
        message, to: requests[index].peer, context: requests[index].context, timeoutMilliseconds: left)
    } catch {
      finish(index, .failure(.notSent(error)))
    }
  }

  private func finish(_ index: Int, _ result: Result<CoAPMessage, CoAPRequestFailure>) {
    requests.remove(at: index).completion(result)
  }
}
