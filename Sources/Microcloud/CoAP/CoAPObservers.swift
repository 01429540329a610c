import Basics

/// Who observes what here: the server's end of RFC 7641. It decides when whom to tell; the caller makes the notification from
/// the state as it is then, so that the newest one replaces those that could not be sent.
///
///     for notice in observers.changed(resource, now: now) {
///       // a response with notice.token and Observe = notice.sequence, sent by CoAPEndpoint.notify:
///       observers.sent(notice, as: id)
///     }
///     // on .delivered(id): observers.delivered(id, now: now) may give the next notice; on .ended(id): observers.ended(id)
public struct CoAPObservers: Sendable {
  /// A notification that is due.
  public struct Notice: Equatable, Sendable {
    public let peer: SocketAddress
    public let token: [UInt8]
    /// The caller's number for what is observed.
    public let resource: UInt64
    /// The value of its Observe option.
    public let sequence: UInt32
    /// Whether it must be confirmable, to see that the observer is still there.
    public let mustBeConfirmed: Bool
    /// What it is protected with, as the registration was; nil: nothing.
    public let protection: CoAPProtection?
  }

  /// How often at least a notification must be confirmable (RFC 7641 section 4.5).
  public static let confirmationMilliseconds: UInt64 = 24 * 60 * 60 * 1000
  /// Observe has 24 bits.
  static let sequenceMask: UInt32 = 0xFF_FFFF

  private struct Observer {
    let peer: SocketAddress
    let token: [UInt8]
    let resource: UInt64
    let protection: CoAPProtection?
    var sequence: UInt32
    var confirmedAt: Instant
    /// The notification under way. Until it is delivered there is no other.
    var notification: CoAPExchangeID?
    /// A notice was given out and is not yet sent.
    var isNoticed = false
    var isConfirming = false
    /// The state has changed since the notification under way was made.
    var isStale = false
  }

  private let maximumCount: Int
  private let maximumPerPeer: Int
  /// In the order of registration.
  private var observers: [Observer] = []

  public init(maximumCount: Int = 256, maximumPerPeer: Int = 16) {
    self.maximumCount = maximumCount
    self.maximumPerPeer = maximumPerPeer
  }

  public var count: Int { observers.count }

  /// Takes a client's registration, or renews it. `protection` is that of the request: nobody renews or takes back what was
  /// registered with another. The result is the Observe option of the first response; nil: there is no
  /// room, and the response goes without one, which tells the client so.
  public mutating func register(
    _ peer: SocketAddress, token: [UInt8], protection: CoAPProtection? = nil, resource: UInt64, now: Instant
  ) -> UInt32? {
    // A registration again under the same token replaces the one before; its number goes on.
    let known = observers.firstIndex {
      $0.peer == peer && $0.token == token && $0.protection?.context == protection?.context
    }
    let sequence = known.map { (observers[$0].sequence &+ 1) & Self.sequenceMask } ?? 0
    if let known { observers.remove(at: known) }
    guard observers.count < maximumCount, observers.filter({ $0.peer == peer }).count < maximumPerPeer else {
      return nil
    }
    observers.append(
      Observer(
        peer: peer, token: token, resource: resource, protection: protection, sequence: sequence, confirmedAt: now))
    return sequence
  }

  /// The client asked to be told no more.
  public mutating func deregister(_ peer: SocketAddress, token: [UInt8], protection: CoAPProtection? = nil) {
    observers.removeAll {
      $0.peer == peer && $0.token == token && $0.protection?.context == protection?.context
    }
  }

  /// Whether anybody observes something with a security context.
  public func observes(with context: UInt64) -> Bool {
    observers.contains { $0.protection?.context == context }
  }

  /// A security context is gone: nobody can be told with it any more.
  public mutating func removeAll(with context: UInt64) {
    observers.removeAll { $0.protection?.context == context }
  }

  /// A resource is gone. Returns whom to tell, as a last notification with an error code.
  public mutating func gone(_ resource: UInt64) -> [Notice] {
    var notices: [Notice] = []
    for index in observers.indices where observers[index].resource == resource {
      notices.append(notice(index, mustBeConfirmed: true))
    }
    observers.removeAll { $0.resource == resource }
    return notices
  }

  /// A resource has another state. Returns who is to be told now; the others are told when they have taken what is under way.
  public mutating func changed(_ resource: UInt64, now: Instant) -> [Notice] {
    var notices: [Notice] = []
    for index in observers.indices where observers[index].resource == resource {
      if observers[index].isNoticed || observers[index].notification != nil {
        observers[index].isStale = true
      } else {
        notices.append(notice(index, now: now))
      }
    }
    return notices
  }

  /// The notification for a notice is on its way. Nil: it could not be sent, and the observer waits for the next change.
  public mutating func sent(_ notice: Notice, as id: CoAPExchangeID?) {
    let index = observers.firstIndex {
      $0.peer == notice.peer && $0.token == notice.token && $0.isNoticed && $0.protection == notice.protection
    }
    guard let index else { return }
    observers[index].isNoticed = false
    observers[index].isConfirming = notice.mustBeConfirmed && id != nil
    observers[index].notification = id
  }

  /// The observer has taken a notification. Returns the next one if the state has changed meanwhile.
  public mutating func delivered(_ id: CoAPExchangeID, now: Instant) -> Notice? {
    guard let index = observers.firstIndex(where: { $0.notification == id }) else { return nil }
    observers[index].notification = nil
    if observers[index].isConfirming { observers[index].confirmedAt = now }
    return observers[index].isStale ? notice(index, now: now) : nil
  }

  /// A notification was reset, or nobody acknowledged it: the observer is not there any more. Returns what it observed; nil:
  /// it was none of ours.
  @discardableResult
  public mutating func ended(_ id: CoAPExchangeID) -> UInt64? {
    guard let index = observers.firstIndex(where: { $0.notification == id }) else { return nil }
    return observers.remove(at: index).resource
  }

  private mutating func notice(_ index: Int, now: Instant) -> Notice {
    let unconfirmed = now.milliseconds(since: observers[index].confirmedAt)
    observers[index].isStale = false
    observers[index].isNoticed = true
    return notice(index, mustBeConfirmed: unconfirmed >= Self.confirmationMilliseconds)
  }

  private mutating func notice(_ index: Int, mustBeConfirmed: Bool) -> Notice {
    observers[index].sequence = (observers[index].sequence &+ 1) & Self.sequenceMask
    let observer = observers[index]
    return Notice(
      peer: observer.peer, token: observer.token, resource: observer.resource, sequence: observer.sequence,
      mustBeConfirmed: mustBeConfirmed, protection: observer.protection)
  }
}
