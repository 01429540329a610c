import Basics
import EventLoop
import LinuxSystem
import MicroAgent
import Microcloud
import NodeSecurity
import Transport

/// One of the node's memberships, carried out: what its registration decides, this does, by a `GossipTransport`.
final class ClusterMember {
  let kind: MembershipKind
  /// Why nobody can hear us; nil: nothing is wrong.
  private(set) var problem: String?
  /// The address that a neighbour was asked about: from which one we seem to come.
  var askedAbout: SocketAddress?
  /// Is told what the registration has to know.
  var onNews: ((RegistrationNews) -> Void)?
  /// Is told who comes and goes.
  var onMember: ((String, SerfMemberChange) -> Void)?

  private let loop: EventLoop
  private let profile: RegistrationProfile
  private let memory: NodeMemory
  private var keyring: Keyring?
  /// What is said of the node there.
  private var tags: Tags = [:]
  private var transport: GossipTransport?
  /// To be a member is wanted, and the port was not to be had.
  private var wanted: (name: NodeName, address: SocketAddress)?
  private var retry: Timer?
  /// Whose peers and times are stored; nil while it is not known which microcloud it is.
  var cluster: String?
  private var random = SystemRandomNumberGenerator()

  private static let retryMilliseconds: UInt64 = 10_000

  init(
    _ kind: MembershipKind, _ profile: RegistrationProfile, keyring: Keyring?, memory: NodeMemory, on loop: EventLoop
  ) throws(SystemError) {
    self.kind = kind
    self.profile = profile
    self.keyring = keyring
    self.memory = memory
    self.loop = loop
    retry = try Timer(on: loop) { [unowned(unsafe) self] in begin() }
  }

  /// The membership as it is now; nil: there is none.
  var state: SerfMembership? { transport?.state }

  /// Becomes a member that knows nobody, or a new one in its place.
  func start(_ name: NodeName, _ address: SocketAddress, _ tags: Tags) {
    wanted = (name, address)
    self.tags = tags
    begin()
  }

  /// Does what the registration wants; to start is told by `start`.
  func carryOut(_ effect: RegistrationEffect) {
    switch effect {
    case .start: break
    case .join(let address):
      guard let transport else { return tell(.joined(address, isSuccess: false)) }
      transport.perform { $0.join([address], now: $1) }
    case .leave:
      wanted = nil
      guard let transport else { return tell(.hasLeft) }
      transport.perform { $0.leave(now: $1) }
    case .storeNameNumber(let number):
      memory.save(.nameNumber(kind), [UInt8(number)])
    }
  }

  /// Says other things of the node from now on.
  func setTags(_ tags: Tags) {
    if tags == self.tags { return }
    self.tags = tags
    transport?.perform { $0.update(tags: tags, now: $1) }
  }

  /// Ends at once, without a word to anybody.
  func close() {
    transport?.close()
    retry?.close()
    (transport, retry, wanted, onNews, onMember) = (nil, nil, nil, nil, nil)
  }

  /// Another program may have the port. It is tried again, as one day it may be gone.
  private func begin() {
    guard let wanted else { return }
    transport?.close()
    transport = nil
    let record = cluster.flatMap { memory.record(kind, of: $0) } ?? SerfRecord()
    let membership = SerfMembership(
      name: wanted.name, address: wanted.address, tags: tags, profile: profile.membership, keyring: keyring,
      record: record, seed: random.next(), now: loop.now)
    let any: IPAddress = profile.family == .v4 ? .anyV4 : .anyV6
    do throws(SystemError) {
      let made = try GossipTransport(
        on: loop, membership: membership, boundTo: SocketAddress(any, port: profile.port),
        cipher: keyring.flatMap { GossipCipher(keys: $0.keys, aead: GossipAESGCM()) })
      made.onNews = { [unowned(unsafe) self] in take($0) }
      made.onEvidence = { [unowned(unsafe) self] in tell(.heard($0)) }
      transport = made
      problem = nil
    } catch {
      problem = "\(error): trying again"
      retry?.start(milliseconds: Self.retryMilliseconds)
    }
  }

  private func take(_ news: SerfEffect) {
    switch news {
    case .joined(let address, let isSuccess): tell(.joined(address, isSuccess: isSuccess))
    case .hasLeft: tell(.hasLeft)
    case .member(let name, let change):
      memberChanged(name, change)
      onMember?(name.description, change)
    case .recordChanged: store()
    case .keyringChanged(let keyring):
      self.keyring = keyring
      memory.save(keyring)
      transport?.setCipher(GossipCipher(keys: keyring.keys, aead: GossipAESGCM()))
    // The registration is told of conflicts by what is evident from them.
    case .conflict, .nameLost: break
    case .send, .openStream, .answer, .closeStream: break
    case .userEvent, .query, .queryResponse, .queryEnded, .keysAnswered: break
    }
  }

  private func memberChanged(_ name: NodeName, _ change: SerfMemberChange) {
    guard change == .joined || change == .failed || change == .left, let state,
      let member = state.membership.node(named: name)
    else { return }
    tell(.member(member.address, isThere: change == .joined, peers: state.peerCount))
  }

  private func store() {
    guard let state, let cluster else { return }
    memory.save(state.record, kind, of: cluster)
  }

  private func tell(_ news: RegistrationNews) {
    let call = onNews
    call?(news)
  }
}
