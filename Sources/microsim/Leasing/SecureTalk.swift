import Basics
import Microcloud

/// What a node says to another one: EDHOC first, whose last message goes with the first request (RFC 9668), then OSCORE. When the
/// other one has forgotten the context, it is made anew with the next request.
final class SecureTalk {
  enum Answer {
    case response(CoAPMessage)
    /// It was not sent to anybody who could have carried it out.
    case unsent(String)
    /// It may have been carried out.
    case lost(String)
  }

  /// Of each request, and of the exchange before the first one: as long as microctl waits.
  private static let milliseconds: UInt64 = 10_000

  private unowned let node: SimulatedNode
  private unowned let control: ControlPart
  private let peer: SimulatedNode
  private let address: SocketAddress
  private var context: UInt64?

  init(_ node: SimulatedNode, _ control: ControlPart, to peer: SimulatedNode, at address: IPAddress) {
    (self.node, self.control, self.peer) = (node, control, peer)
    self.address = SocketAddress(address, port: ControlPart.defaultPort)
  }

  func close() {
    if let context { control.remove(context) }
    context = nil
  }

  func ask(_ message: CoAPMessage, _ told: @escaping (Answer) -> Void) {
    if context != nil { return send(message, message3: [], told) }
    var initiator = EDHOCInitiator(
      method: .bothDiffieHellman, identity: node.identity, ephemeral: node.newKey(),
      connection: control.newConnection())
    guard let message1 = try? initiator.message1() else { return told(.unsent("no exchange could be begun")) }
    var request = CoAPMessage(code: .post, payload: EDHOCOverCoAP.body(.new(message1)))
    request.path = EDHOCOverCoAP.path
    control.ask(request, at: address, milliseconds: Self.milliseconds) { [self] outcome in
      guard case .response(let answer) = outcome, answer.code == .changed else {
        return told(.unsent("no answer to message_1"))
      }
      guard let message3 = finish(&initiator, answer.payload) else { return told(.unsent("it is somebody else")) }
      send(message, message3: message3, told)
    }
  }

  /// Takes message_2; nil: it was not made by the peer.
  private func finish(_ initiator: inout EDHOCInitiator, _ message2: [UInt8]) -> [UInt8]? {
    do throws(EDHOCError) {
      let credential = try initiator.receiveMessage2(message2).credential
      guard let credential, credential == peer.identity.credential else { return nil }
      try initiator.authenticate(credential)
      let (message3, session) = try initiator.message3()
      context = control.insert(try session.oscoreContext(), of: address)
      return context == nil ? nil : message3
    } catch {
      return nil
    }
  }

  private func send(_ message: CoAPMessage, message3: [UInt8], _ told: @escaping (Answer) -> Void) {
    control.ask(message, at: address, context: context, message3: message3, milliseconds: Self.milliseconds) {
      [self] outcome in
      switch outcome {
      case .response(let answer): told(.response(answer))
      case .unsent: told(.unsent("too much is under way"))
      case .ended:
        // It may have lost the context, or never have had it.
        close()
        told(.lost("no answer"))
      }
    }
  }
}
