import Basics
import EventLoop
import LinuxSystem
import Microcloud

/// Does what a `SerfMembership` wants done: its packets over UDP, its streams over TCP on the same port, its deadlines by
/// one timer, all of it sealed where the cluster has a key. It decides nothing.
///
/// Set `onNews`, then give commands by `perform`. It works until `close()`.
public final class GossipTransport {
  private let loop: EventLoop
  private let bound: SocketAddress
  private var membership: SerfMembership
  private var cipher: GossipCipher?
  private var socket: UDPSocket?
  private var listener: Listener?
  private var alarm: Alarm?
  private var streams: [MembershipStreamID: GossipStream] = [:]
  private var random = SystemRandomNumberGenerator()
  /// What is to be done still; while something is being done, the rest waits here.
  private var waiting: [SerfEffect] = []
  private var isBusy = false

  /// Is told each effect that is not for the network: members, events, queries and answers, joins, conflicts, the end of a
  /// leave. It may give commands.
  public var onNews: ((SerfEffect) -> Void)?
  /// Is told what peers say that shows how they see us. It may give commands.
  public var onEvidence: ((RegistrationEvidence) -> Void)?
  /// Is told why a packet or stream of somebody was not taken, for those who look for a wrong key.
  public var onRefusal: ((GossipError, SocketAddress?) -> Void)?

  /// Listens on UDP and TCP.
  ///
  /// - Parameters:
  ///   - address: an address of this machine, or any of it: what `membership` says of itself, others have to reach.
  ///   - cipher: seals and opens everything; nil in a cluster without a key.
  public init(
    on loop: EventLoop, membership: SerfMembership, boundTo address: SocketAddress, cipher: GossipCipher? = nil
  ) throws(SystemError) {
    self.loop = loop
    self.membership = membership
    self.cipher = cipher
    bound = address
    alarm = try Alarm(on: loop) { [unowned(unsafe) self] in perform { $0.tick(now: $1) } }
    listener = try Listener(on: loop, address: address) { [unowned(unsafe) self] in accept($0) }
    socket = try UDPSocket(on: loop, boundTo: address) { [unowned(unsafe) self] in receive($0.bytes, from: $0.source) }
    alarm?.set(membership.nextDeadline)
  }

  deinit { close() }

  /// The membership as it is now.
  public var state: SerfMembership { membership }

  /// Seals with other keys from now on; streams that are open go on with those that they began with.
  public func setCipher(_ cipher: GossipCipher?) {
    self.cipher = cipher
  }

  /// Gives a command, or several, and does what comes of it.
  public func perform(_ command: (inout SerfMembership, Instant) -> [SerfEffect]) {
    if socket == nil { return }
    waiting += command(&membership, loop.now)
    if isBusy { return }
    isBusy = true
    while !waiting.isEmpty {
      let effects = waiting
      waiting = []
      for effect in effects { carryOut(effect) }
    }
    isBusy = false
    alarm?.set(membership.nextDeadline)
  }

  /// Ends at once, without a word to anybody.
  public func close() {
    alarm?.close()
    socket?.close()
    listener?.close()
    for stream in streams.values { stream.close() }
    (alarm, socket, listener, streams, waiting) = (nil, nil, nil, [:], [])
    (onNews, onEvidence, onRefusal) = (nil, nil, nil)
  }

  private func carryOut(_ effect: SerfEffect) {
    switch effect {
    case .send(let bytes, let address): send(bytes, to: address)
    case .openStream(let id, let address, let content): dial(id, address, content)
    case .answer(let id, let content): answer(id, content)
    case .closeStream(let id): streams.removeValue(forKey: id)?.close()
    default:
      tell(RegistrationEvidence(effect, name: membership.name))
      let call = onNews
      call?(effect)
    }
  }

  private func tell(_ evidence: RegistrationEvidence?) {
    guard let evidence else { return }
    let call = onEvidence
    call?(evidence)
  }
}

// MARK: - Packets

extension GossipTransport {
  /// What the kernel does not take is as good as lost on the way.
  private func send(_ bytes: [UInt8], to address: SocketAddress) {
    try? socket?.send(sealed(bytes) { $0.sealPacket(bytes, nonce: $1) }, to: address)
  }

  private func receive(_ bytes: [UInt8], from source: SocketAddress) {
    do throws(GossipError) {
      let packet = try MemberlistPacket.decode(bytes[...], cipher: cipher)
      for message in packet.messages { tell(RegistrationEvidence(message, name: membership.name)) }
      perform { membership, now in packet.messages.flatMap { membership.receive($0, from: source, now: now) } }
    } catch {
      let call = onRefusal
      call?(error, source)
    }
  }

  /// What the network may see of these bytes.
  private func sealed(_ bytes: [UInt8], by seal: (GossipCipher, [UInt8]) -> [UInt8]) -> [UInt8] {
    guard let cipher else { return bytes }
    let nonce = (0..<GossipCipher.nonceBytes).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    return seal(cipher, nonce)
  }
}

// MARK: - Streams

extension GossipTransport {
  private func dial(_ id: MembershipStreamID, _ address: SocketAddress, _ content: MembershipStreamContent) {
    do throws(SystemError) {
      let isAny = bound.address == .anyV4 || bound.address == .anyV6
      let connection = try Connection(on: loop, address: address, from: isAny ? nil : bound.address)
      try add(connection, id).say(output(content))
    } catch {
      end(id)
    }
  }

  private func accept(_ connection: Connection) {
    // The rest of too many is closed by being dropped.
    guard socket != nil, let id = membership.acceptStream(now: loop.now) else { return }
    do throws(SystemError) { _ = try add(connection, id) } catch { end(id) }
    alarm?.set(membership.nextDeadline)
  }

  private func add(_ connection: Connection, _ id: MembershipStreamID) throws(SystemError) -> GossipStream {
    let stream = GossipStream(connection, cipher: cipher)
    streams[id] = stream
    try stream.start(
      onEvent: { [unowned(unsafe) self] event in
        tell(RegistrationEvidence(event, name: membership.name, address: membership.address))
        perform { $0.receive(event, on: id, now: $1) }
        return streams[id] != nil
      },
      onEnd: { [unowned(unsafe) self] error in
        if let error {
          let call = onRefusal
          call?(error, connection.peerAddress)
        }
        end(id)
      })
    return stream
  }

  private func answer(_ id: MembershipStreamID, _ content: MembershipStreamContent) {
    streams[id]?.answer(output(content))
  }

  private func end(_ id: MembershipStreamID) {
    streams.removeValue(forKey: id)?.close()
    perform { $0.streamEnded(id, now: $1) }
  }

  /// Gives the pieces of what is to be said on a stream, one a call. A push/pull is compressed; one too large for that is
  /// written as it is sent, and only a sealed one has to be there as a whole.
  private func output(_ content: MembershipStreamContent) -> GossipStream.Output {
    var whole: [UInt8]
    switch content {
    case .message(let bytes): whole = bytes
    case .pushPull(let isJoin):
      if let compressed = membership.pushPull(isJoin: isJoin).compressed() {
        whole = compressed
      } else {
        var writer = membership.pushPull(isJoin: isJoin)
        if cipher == nil { return { writer.next(atLeast: GossipStream.pieceBytes) } }
        whole = writer.next(atLeast: .max) ?? []
      }
    }
    whole = sealed(whole) { $0.sealStream(whole, nonce: $1) }
    var rest = whole[...]
    return {
      let piece = rest.prefix(GossipStream.pieceBytes)
      rest = rest.dropFirst(piece.count)
      return piece.isEmpty ? nil : Array(piece)
    }
  }
}
