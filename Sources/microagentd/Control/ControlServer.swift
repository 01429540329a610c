import Basics
import CSystem
import Crypto
import EventLoop
import LinuxSystem
import MicroAgent
import Microcloud

/// Listens on the agent's unix socket, and on a port for those on other machines, and owns the connections of those who talk
/// to it.
final class ControlServer {
  /// More clients at once than a board has people; each costs a few KiB. Others wait until one of them goes.
  static let maximumConnections = 64

  /// The same of clients on other machines, and of those among them who have not proven who they are: the one that has
  /// tried for the longest time makes room for the next.
  static let maximumRemotes = 32
  static let maximumStrangers = 8
  /// A key exchange takes a board a tenth of a second, or three.
  private static let exchangesPerSecond: UInt64 = 2
  private static let exchangeBurst: UInt64 = 8
  private static let retryMilliseconds: UInt64 = 10_000

  private let loop: EventLoop
  private var listener: Listener?
  private var remoteListeners: [Listener] = []
  private var identity: EDHOCIdentity?
  private(set) var authority: Authority
  /// When anybody may claim the board.
  var claimWindow = ClaimWindow()
  /// Called when the latest time that the microcloud's key signed is another hour.
  var onTime: (() -> Void)?
  private var toldTime: UInt64 = 0
  private var exchanges = RateLimit()
  private var remotePort: UInt16 = 0
  private var retry: Timer?
  /// What keeps other machines from us; empty: nothing.
  private(set) var problems: [String] = []
  /// Those who come by datagrams; nil: nobody may.
  private(set) var datagrams: DatagramServer?
  /// A state that somebody watches, as it is now; nil: it is gone. Set before `listen`.
  var onState: ((ObservedState) -> CBORValue?)?
  private var lastWatchNumber: UInt64 = 0
  /// Due when clients have requests that are still to be answered.
  private var turn: Timer?
  private var path = ""
  private var connections: [ControlConnection] = []
  /// Takes each request; set before `listen`.
  var onRequest: ((ControlRequest) -> Void)?
  /// What clients have sent is still on its way to the disk, and is enough.
  var isBackedUp: () -> Bool = { false }

  init(_ authority: Authority, on loop: EventLoop) {
    self.authority = authority
    toldTime = authority.latestIssued
    self.loop = loop
  }

  /// Listens at `path`: root and the socket's group may connect, and only root may change things.
  func listen(path: String) throws(SystemError) {
    listener = try Listener(on: loop, path: path, mode: 0o660) { [self] in accept($0) }
    self.path = path
    turn = try Timer(on: loop) { [self] in
      for connection in connections { connection.goOn() }
    }
  }

  /// Hears other machines at a TCP port as well, secured; where the port is taken, as soon as it is free. `datagrams` is there
  /// from then on.
  func listen(port: UInt16, as identity: EDHOCIdentity) throws(SystemError) {
    datagrams = try DatagramServer(self, as: identity, on: loop)
    remotePort = port
    self.identity = identity
    retry = try Timer(on: loop) { [unowned(unsafe) self] in listenToRemotes() }
    listenToRemotes()
  }

  private func listenToRemotes() {
    for listener in remoteListeners { listener.close() }
    (remoteListeners, problems) = ([], [])
    for address in [IPAddress.anyV4, .anyV6] {
      do throws(SystemError) {
        remoteListeners.append(
          try Listener(on: loop, address: SocketAddress(address, port: remotePort)) { [unowned(unsafe) self] in
            acceptRemote($0)
          })
      } catch {
        // A kernel without IPv6 needs no IPv6.
        if error.errno != .addressFamilyNotSupported { problems.append("control: \(error): trying again") }
      }
    }
    if !problems.isEmpty { retry?.start(milliseconds: Self.retryMilliseconds) }
  }

  /// - Parameter forGood: no agent follows at once, so the socket's file goes as well. It goes while we still listen at
  ///   it: until then no other agent can have taken its place.
  func close(forGood: Bool) {
    if forGood, listener != nil { _ = system_unlink(path) }
    turn?.close()
    turn = nil
    retry?.close()
    retry = nil
    listener?.close()
    listener = nil
    for listener in remoteListeners { listener.close() }
    remoteListeners = []
    for connection in connections { connection.close() }
    connections = []
    datagrams?.close()
    datagrams = nil
    (onRequest, onState) = (nil, nil)
    isBackedUp = { false }
  }

  private func accept(_ stream: Connection) {
    guard let peer = try? stream.peerCredentials() else { return stream.close() }
    start(ControlConnection(stream, peer.user == 0 ? .owner : .observer, server: self))
  }

  private func acceptRemote(_ stream: Connection) {
    guard let identity else { return stream.close() }
    let strangers = connections.filter { $0.isStranger }
    if strangers.count >= Self.maximumStrangers { strangers[0].close() }
    guard connections.count(where: { $0.isRemote }) < Self.maximumRemotes else { return stream.close() }
    stream.keepAlive(seconds: Self.keepAliveSeconds)
    stream.sendAtOnce()
    start(ControlConnection(stream, .stranger, security: SecureStreamServer(identity: identity), server: self))
  }

  private static let keepAliveSeconds: UInt32 = 60

  private func start(_ connection: ControlConnection) {
    connections.append(connection)
    acceptIfThereIsRoom()
    connection.start()
  }

  private func acceptIfThereIsRoom() {
    listener?.isAccepting = connections.count(where: { !$0.isRemote }) < Self.maximumConnections
  }

  /// A key for one exchange; nil: there were too many of late.
  func makeKey() -> P256.PrivateKey? {
    takeExchange() ? try? P256.PrivateKey.generate() : nil
  }

  private func takeExchange() -> Bool {
    exchanges.take(perSecond: Self.exchangesPerSecond, burst: Self.exchangeBurst, now: loop.now)
  }

  // MARK: Who is there

  func forEachClient(_ body: (ControlClient) -> Void) {
    for connection in connections {
      if let client = connection.client { body(client) }
    }
    datagrams?.forEachClient(body)
  }

  func state(of subject: ObservedState) -> CBORValue? { onState?(subject) }

  func nextWatchNumber() -> UInt64 {
    lastWatchNumber += 1
    return lastWatchNumber
  }

  // MARK: Who may speak

  func admit(_ credential: AuthenticationCredential) throws(Authority.Refusal) -> Authority.Admission {
    defer { tellTime() }
    let isClaimable = claimWindow.secondsLeft(now: loop.now) > 0
    return try authority.admit(credential, clockSeconds: Clock.wallSeconds(), isClaimable: isClaimable)
  }

  func refusal(of admission: Authority.Admission) -> Authority.Refusal? {
    authority.refusal(of: admission, clockSeconds: Clock.wallSeconds())
  }

  /// The newest list of those whose credentials count no more.
  func revocations() throws(RequestError) -> CBORValue {
    guard let encoded = authority.revocations?.encoded, let value = try? CBORDecoder.decode(encoded) else {
      throw RequestError(.notFound, "revocations: this node knows of none")
    }
    return value
  }

  /// Takes a list of them, and ends what they do here.
  ///
  /// - Parameter principal: who brings it; nil: we asked for it, which is rare enough.
  /// - Returns: whether it is news.
  func take(revocations: [UInt8], by principal: Principal?) throws(RequestError) -> Bool {
    // To look at a signature takes a board a tenth of a second, too.
    if let principal, principal.role != .owner, !takeExchange() {
      throw RequestError(.noRoom, "revocations: too many came of late: try again in some seconds")
    }
    defer { tellTime() }
    guard try authority.take(revocations: revocations) else { return false }
    for connection in connections { connection.endIfRefused() }
    datagrams?.endRefused()
    return true
  }

  private func tellTime() {
    guard authority.latestIssued >= toldTime + Self.timeStepSeconds else { return }
    toldTime = authority.latestIssued
    onTime?()
  }

  /// Flash wears: what is issued within this of another is not written.
  private static let timeStepSeconds: UInt64 = 3600

  /// Lets the loop see to others first.
  func continueSoon() {
    // With 0 libuv would call again before it looks at anybody else.
    turn?.start(milliseconds: 1)
  }

  /// A connection ended; whoever still answers it finds it closed.
  func remove(_ connection: ControlConnection) {
    connections.removeAll { $0 === connection }
    acceptIfThereIsRoom()
  }
}
