import Basics
import CSystem
import EventLoop
import LinuxSystem
import MicroAgent
import Netlink

/// The network `bridge` of containers. It is made when the first of them needs it, stays while the agent is away, and goes with
/// an agent that leaves none behind. All that an agent must know of it, it reads in the kernel (`BridgeNetwork`).
final class Bridge {
  private let configuration: Configuration
  private let loop: EventLoop
  /// Nil: there is none.
  private var made: Made?
  private var members: [BridgeMember] = []
  private var watcher: InterfaceWatcher?
  /// What a person should know, by what it is about.
  private var choice: String?
  private var problem: String?

  private struct Made {
    let index: UInt32
    let label: BridgeNetwork.Label
    var rules: BridgeRules
  }

  init(_ configuration: Configuration, on loop: EventLoop) {
    self.configuration = configuration
    self.loop = loop
  }

  /// For `microctl info`.
  var notices: [String] { [choice, problem].compactMap { $0 } }

  /// Where a container is reached, as long as it is there.
  @inline(never)
  func addresses(of id: UInt64) -> [IPAddress] {
    guard let made, let member = members.first(where: { $0.id == id }) else { return [] }
    return made.label.network.addresses(of: member.place)
  }

  // MARK: Containers

  /// What a container's own files say: /etc/hosts and /etc/resolv.conf.
  struct Texts {
    let hosts: String
    let resolver: String
  }

  func has(_ id: UInt64) -> Bool { members.contains { $0.id == id } }

  /// Whether there would be a place for a container; nothing is done.
  func check(_ container: Container) throws(RequestError) {
    try checkPorts(of: container)
    let network: BridgeNetwork
    if let made { network = made.label.network } else { network = try choose() }
    _ = try member(for: container, in: network)
  }

  /// Gives a container a place.
  @inline(never)
  func admit(_ container: Container) throws(RequestError) -> Texts {
    try checkPorts(of: container)
    do throws(BridgeError) { try make() } catch { throw failure(container.name, error) }
    guard let network = made?.label.network else { throw full }
    let member = try member(for: container, in: network)
    members.removeAll { $0.id == container.id }
    members.append(member)
    let hostname = container.request.hostname.isEmpty ? container.name : container.request.hostname
    return Texts(hosts: member.hosts(hostname, network), resolver: NameServers.text(nameServers))
  }

  /// Connects the network namespace of a container's process, which must not run its program before.
  @inline(never)
  func connect(_ id: UInt64, _ name: String, _ process: Int32, pidfd: CInt) throws(RequestError) {
    guard let made, let member = members.first(where: { $0.id == id }) else { return }
    do throws(BridgeError) {
      try letIn(member, made)
      let socket = try own()
      // Of its last run, whose namespace the kernel is still about to remove.
      if socket.link(member.link) != nil {
        var requests = LinkRequests()
        requests.delete(member.link)
        try perform(requests, socket, optional: [0])
      }
      try perform(
        member.joinRequests(bridge: made.index, made.label.network, process: process), socket,
        optional: BridgeMember.optionalOfJoining)
      if let link = socket.link(member.link) { try perform(member.outsideRequests(index: link.index), socket) }
      try settle(member, made.label.network, pidfd)
    } catch {
      disconnect(id)
      throw failure(name, error)
    }
  }

  private func settle(_ member: BridgeMember, _ network: BridgeNetwork, _ pidfd: CInt) throws(BridgeError) {
    let inside: RouteSocket
    do throws(SystemError) { inside = try RouteSocket(namespaceOf: pidfd) } catch {
      throw BridgeError("\(error)", error.errno)
    }
    guard let link = inside.link(BridgeNetwork.inside) else {
      throw BridgeError("its \(BridgeNetwork.inside) is gone", .noSuchDevice)
    }
    try perform(member.insideRequests(network, index: link.index), inside)
  }

  /// Nobody speaks as this container or is led to it any more. Its links go with its namespace, by the kernel itself.
  func disconnect(_ id: UInt64) {
    guard let made, let index = members.firstIndex(where: { $0.id == id }) else { return }
    let member = members.remove(at: index)
    do throws(PacketFilterError) {
      try PacketFilter.perform(PacketRulesBatch(takingAway: made.rules.elements([member])))
    } catch {
      // It was not let in yet, or somebody has emptied the packet filter.
      putTables()
    }
    let requests = member.leaveRequests(bridge: made.index, made.label.network)
    if let socket = try? RouteSocket() { try? socket.perform(requests) }
  }

  private func member(for container: Container, in network: BridgeNetwork) throws(RequestError) -> BridgeMember {
    let place = network.place(for: container.id) { place in
      members.contains { $0.place == place && $0.id != container.id }
    }
    guard let place else { throw full }
    return BridgeMember(
      id: container.id, place: place, ports: container.request.ports, rates: container.request.rates)
  }

  private var full: RequestError {
    RequestError(.noRoom, "network bridge: all addresses are taken: give container-address a larger network")
  }

  private func checkPorts(of container: Container) throws(RequestError) {
    for port in container.request.ports {
      let line = "container \(container.name): port \(port.port)/\(port.transport) of the board"
      if members.contains(where: { $0.id != container.id && $0.ports.contains { $0.collides(with: port) } }) {
        throw RequestError(.conflict, "\(line) leads to another container: publish another one")
      }
      if system_port_is_free(UInt32(port.port), port.transport == .udp ? 1 : 0) == 0 {
        throw RequestError(.conflict, "\(line) is in use there: publish another one")
      }
    }
  }

  /// Puts a container into the packet filter.
  @inline(never)
  private func letIn(_ member: BridgeMember, _ made: Made) throws(BridgeError) {
    let servers = nameServers
    if servers == made.rules.nameServers {
      do throws(PacketFilterError) {
        return try PacketFilter.perform(PacketRulesBatch(adding: made.rules.elements([member])))
      } catch {
        // Somebody has emptied the packet filter: all of it is put there, as far as it can be.
      }
    }
    self.made?.rules.nameServers = servers
    try replaceTables()
  }

  // MARK: The bridge

  @inline(never)
  private func own() throws(BridgeError) -> RouteSocket {
    do throws(SystemError) { return try RouteSocket() } catch { throw BridgeError("\(error)", error.errno) }
  }

  @inline(never)
  private func perform(
    _ requests: LinkRequests, _ socket: borrowing RouteSocket, optional: [UInt32] = []
  ) throws(BridgeError) {
    do throws(LinkError) { try socket.perform(requests, optional: optional) } catch {
      throw BridgeError("\(error)", error.errno)
    }
  }

  private func choose() throws(RequestError) -> BridgeNetwork {
    var interfaces: [NetworkInterface] = []
    if let socket = try? RouteSocket() { interfaces = socket.interfaces() }
    return try BridgeNetwork.choose(configuration.bridge, beside: boardNetworks(interfaces)).network
  }

  /// Makes the bridge where there is none: first the link, then the rules, and only then packets are passed on.
  @inline(never)
  private func make() throws(BridgeError) {
    if made != nil { return }
    let socket = try own()
    if socket.link(BridgeNetwork.name) != nil {
      throw BridgeError(
        "there is an interface \(BridgeNetwork.name) that this agent did not make: remove it", .fileExists)
    }
    let interfaces = socket.interfaces()
    let found: (network: BridgeNetwork, notice: String?)
    do throws(RequestError) {
      found = try BridgeNetwork.choose(configuration.bridge, beside: boardNetworks(interfaces))
    } catch {
      throw BridgeError(plain: error.description)
    }
    choice = found.notice
    let label = BridgeNetwork.Label(
      owner: configuration.cgroup, network: found.network, forwardedBefore: Forwarding.current(configuration))
    try perform(.bridge(label), socket)
    guard let link = socket.link(BridgeNetwork.name) else {
      throw BridgeError("bridge \(BridgeNetwork.name) is gone", .noSuchDevice)
    }
    made = Made(index: link.index, label: label, rules: rules(label, interfaces))
    do throws(BridgeError) {
      try perform(.addresses(of: found.network, bridge: link.index), socket)
      try replaceTables()
      try Forwarding.open(label)
    } catch {
      remove()
      throw error
    }
    watch()
  }

  @inline(never)
  private func rules(_ label: BridgeNetwork.Label, _ interfaces: [NetworkInterface]) -> BridgeRules {
    BridgeRules(
      label.network, configuration.bridge, kept: kept(interfaces), home: configuration.board.homeInterfaces,
      nameServers: nameServers, forwardedBefore: label.forwardedBefore)
  }

  /// The networks that the board is in, but for this one.
  @inline(never)
  private func boardNetworks(_ interfaces: [NetworkInterface]) -> [IPPrefix] {
    var found = configuration.board.home.isEmpty ? [] : [IPPrefix(configuration.board.homeAddress)]
    for interface in interfaces where interface.name != BridgeNetwork.name && !interface.flags.contains(.loopback) {
      for one in interface.addresses where !Self.isLinkLocal(one) {
        if let prefix = IPPrefix(one.address, bits: UInt64(one.prefixBits)), !found.contains(prefix) {
          found.append(prefix)
        }
      }
    }
    return found
  }

  /// Of each link the same, and passed on by nobody.
  private static func isLinkLocal(_ address: NetworkInterface.Address) -> Bool {
    address.scope == .link && IPFamily(address.address) == .v6
  }

  /// A gateway knows where its owner's home is; any other board may be in it.
  private func kept(_ interfaces: [NetworkInterface]) -> [IPPrefix] {
    let board = configuration.board
    if board.home.isEmpty { return boardNetworks(interfaces) }
    return board.isHomeOpen ? [] : [IPPrefix(board.homeAddress)]
  }

  private static let resolverFile = "/etc/resolv.conf"

  private var nameServers: [IPAddress] {
    if !configuration.bridge.nameServers.isEmpty { return configuration.bridge.nameServers }
    let text = try? Files.read(Self.resolverFile, limitBytes: NameServers.maximumFileBytes)
    return NameServers.parse(text ?? [])
  }

  @inline(never)
  private func replaceTables() throws(BridgeError) {
    guard let made else { return }
    do throws(PacketFilterError) {
      try PacketFilter.perform(PacketRulesBatch(replacing: made.rules.tables(members)))
    } catch {
      throw BridgeError("\(error)", error.errno)
    }
  }

  /// Where that fails, what stands there goes on.
  private func putTables() {
    do throws(BridgeError) { try replaceTables() } catch { tell("network bridge: \(error)") }
  }

  private func tell(_ line: String) {
    if line != problem { Diagnostics.line(line) }
    problem = line
  }

  private func failure(_ name: String, _ error: BridgeError) -> RequestError {
    RequestError(.failed, "container \(name): network bridge: \(error)")
  }

  // MARK: Life

  /// What the board is in may change.
  private func watch() {
    watcher = try? InterfaceWatcher(
      on: loop, isIncluded: { !$0.addresses.isEmpty },
      onChange: { [unowned(unsafe) self] in changed($0) })
  }

  private func changed(_ interfaces: [NetworkInterface]) {
    guard let made else { return }
    let all = boardNetworks(interfaces)
    let network = made.label.network
    if let other = all.first(where: { $0.overlaps(IPPrefix(network.address)) }) {
      tell(
        "containers have addresses of \(network.address), which overlaps the board's own \(other): set container-address"
      )
    }
    let kept = kept(interfaces)
    if kept == made.rules.kept { return }
    self.made?.rules.kept = kept
    putTables()
  }

  /// Takes over what an earlier agent left: the links of these containers, which are alive. All others go.
  @inline(never)
  func recover(_ containers: [Container]) {
    guard let socket = try? RouteSocket(), let link = socket.link(BridgeNetwork.name),
      let label = BridgeNetwork.Label(link.alias), label.owner == configuration.cgroup
    else { return }
    made = Made(index: link.index, label: label, rules: rules(label, socket.interfaces()))
    var stray = LinkRequests()
    for port in socket.links() where port.bridge == link.index {
      let found = containers.lazy.compactMap { container in
        BridgeNetwork.place(of: container.id, link: port.name).map { (container, $0) }
      }.first
      if let (container, place) = found {
        members.append(BridgeMember(id: container.id, place: place, ports: container.request.ports))
      } else {
        stray.delete(port.name)
      }
    }
    if members.isEmpty { return remove() }
    // One may have gone by itself meanwhile.
    if stray.count > 0 { try? socket.perform(stray) }
    let wanted = configuration.bridge.address ?? label.network.address
    if wanted != label.network.address || configuration.bridge.addressV6 != label.network.addressV6 {
      choice =
        "containers keep addresses of \(label.network.address) until the agent starts with none in the network bridge"
    }
    putTables()
    do throws(BridgeError) { try Forwarding.open(label) } catch { tell("network bridge: \(error)") }
    watch()
  }

  /// Ends. With containers in it, it all stays.
  func close() {
    watcher?.close()
    watcher = nil
    if members.isEmpty { remove() }
  }

  /// In the other order than it was made.
  private func remove() {
    guard let label = made?.label else { return }
    Forwarding.close(label)
    try? PacketFilter.perform(PacketRulesBatch(removing: BridgeRules.noTables))
    var requests = LinkRequests()
    requests.delete(BridgeNetwork.name)
    if let socket = try? RouteSocket() { try? socket.perform(requests) }
    made = nil
    watcher?.close()
    watcher = nil
  }
}

/// What keeps a container from the network `bridge`; one line for a person.
struct BridgeError: Error, CustomStringConvertible {
  let description: String

  init(plain line: String) {
    description = line
  }

  /// Of what a kernel says that lacks something.
  private static let lacks: [Errno] = [.notSupported, .protocolNotSupported, .addressFamilyNotSupported, .noSuchFile]

  init(_ line: String, _ errno: Errno) {
    description = Self.lacks.contains(errno) ? line + ": a kernel with bridge, veth and nf_tables is needed" : line
  }
}
