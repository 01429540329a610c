import Basics
import Crypto

/// The exchanges that others have begun by datagrams and not finished yet. When the table is full, the oldest makes room.
///
/// All prove static Diffie-Hellman keys (method 3), as signatures take more of a board's time.
public struct EDHOCExchanges {
  /// More than begin in the time that one takes.
  public static let maximumCount = 8
  /// How long the initiator may take for message_3: enough to lose three datagrams on the way.
  public static let milliseconds: UInt64 = 60_000
  /// Of our names for connections: as many as no two contexts have at a time, and none comes again soon.
  private static let connectionBytes = 2

  private struct Exchange {
    let connection: ConnectionIdentifier
    let responder: EDHOCResponder
    let deadline: Instant
  }

  private let identity: EDHOCIdentity
  private var nextName: UInt16
  /// In the order in which they began.
  private var exchanges: [Exchange] = []

  /// - Parameter firstName: by chance, so that whoever knows a name of before a restart does not find another's.
  public init(identity: EDHOCIdentity, firstName: UInt16) {
    self.identity = identity
    nextName = firstName
  }

  public var count: Int { exchanges.count }
  /// When `expire` has something to do.
  public var nextDeadline: Instant? { exchanges.first?.deadline }

  /// Forgets those whose message_3 did not come.
  public mutating func expire(now: Instant) {
    exchanges.removeAll { $0.deadline <= now }
  }

  /// Takes message_1, and returns message_2.
  ///
  /// - Parameters:
  ///   - key: a new one, for this exchange alone.
  ///   - isFree: whether no context of ours has such a name.
  public mutating func begin(
    _ message1: [UInt8], key: P256.PrivateKey, isFree: (ConnectionIdentifier) -> Bool, now: Instant
  ) throws(EDHOCError) -> [UInt8] {
    expire(now: now)
    var responder = EDHOCResponder(methods: [.bothDiffieHellman], identity: identity)
    let peer = try responder.receiveMessage1(message1)
    let connection = nextConnection { $0 != peer.connection && isFree($0) }
    let message2 = try responder.message2(ephemeral: key, connection: connection)
    if exchanges.count == Self.maximumCount { exchanges.removeFirst() }
    exchanges.append(
      Exchange(connection: connection, responder: responder, deadline: now.advanced(milliseconds: Self.milliseconds)))
    return message2
  }

  private mutating func nextConnection(_ isFree: (ConnectionIdentifier) -> Bool) -> ConnectionIdentifier {
    while true {
      let bytes = (0..<Self.connectionBytes).map { UInt8(truncatingIfNeeded: nextName >> UInt16(8 * $0)) }
      nextName &+= 1
      if let name = ConnectionIdentifier(bytes), isFree(name), !exchanges.contains(where: { $0.connection == name }) {
        return name
      }
    }
  }

  /// Takes message_3, and returns what the exchange leaves. Where it was not made by who sent message_1, the exchange goes on.
  ///
  /// - Parameter refusal: see `EDHOCResponder.finish`.
  public mutating func finish(
    _ connection: ConnectionIdentifier, _ message3: [UInt8], refusal: (AuthenticationCredential) -> EDHOCError?,
    now: Instant
  ) throws(EDHOCError) -> EDHOCSession {
    expire(now: now)
    guard let index = exchanges.firstIndex(where: { $0.connection == connection }) else { throw .refused }
    var responder = exchanges[index].responder
    do throws(EDHOCError) {
      let session = try responder.finish(message3, refusal: refusal)
      exchanges.remove(at: index)
      return session
    } catch {
      // Whoever sends just anything cannot end it; who was understood, has.
      if error != .notAuthentic, error != .malformed { exchanges.remove(at: index) }
      throw error
    }
  }
}

extension EDHOCResponder {
  /// Takes message_3 with a credential by value, and verifies that the initiator has it.
  ///
  /// - Parameter refusal: why the bearer of a credential may not speak at all; nil: it may, once it is proven that it bears
  ///   it.
  mutating func finish(
    _ message3: [UInt8], refusal: (AuthenticationCredential) -> EDHOCError?
  ) throws(EDHOCError) -> EDHOCSession {
    let peer = try receiveMessage3(message3)
    guard let credential = peer.credential else { throw .unknownCredential }
    if let error = refusal(credential) { throw error }
    return try authenticate(credential)
  }
}
