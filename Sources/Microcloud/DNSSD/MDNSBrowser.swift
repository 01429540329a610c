import Basics

/// Looks for services of some types and follows what they say (RFC 6762 section 5.2, RFC 6763 sections 4 and 5).
struct MDNSBrowser: Sendable {
  /// Before a first question, so that those who heard the same do not all ask at once.
  static let delayMilliseconds: ClosedRange<UInt64> = 20...120
  /// Questions go out after 0, 1, 3, 9 … seconds, at last every hour.
  static let firstIntervalSeconds: UInt32 = 1
  static let intervalFactor: UInt32 = 3
  static let maximumIntervalSeconds: UInt32 = 3600
  /// When a service was lost, questions begin anew, unless one is due within this time.
  static let lookAgainMilliseconds: UInt64 = 10_000
  /// How many instances may be known by name only. For one more the oldest of them goes, never a service that is resolved.
  static let maximumUnresolved = 32

  /// When something is asked for next, and how long the pause after that is.
  struct Schedule: Sendable {
    private(set) var due: Instant
    /// Whether it was asked for at all.
    private(set) var isBegun = false
    private var intervalSeconds = MDNSBrowser.firstIntervalSeconds

    init(due: Instant) {
      self.due = due
    }

    /// It was asked at `now`.
    mutating func step(now: Instant) {
      isBegun = true
      due = now.advanced(milliseconds: UInt64(intervalSeconds) * 1000)
      intervalSeconds = min(intervalSeconds * MDNSBrowser.intervalFactor, MDNSBrowser.maximumIntervalSeconds)
    }

    /// Whether it is to be asked when a packet goes out anyhow: if it is due, or waits only so that hosts do not all begin
    /// at once.
    func isReady(_ now: Instant) -> Bool {
      due <= now || !isBegun
    }

    /// Whether it is soon to be asked, so that the same question of another host will do (RFC 6762 section 7.3).
    func isSoon(_ now: Instant) -> Bool {
      due <= now.advanced(milliseconds: 1000)
    }
  }

  /// A type that is looked for, on each interface.
  struct Browse: Sendable {
    let type: DNSName
    var schedules: [(interface: UInt32, schedule: Schedule)] = []
  }

  /// A service that somebody has pointed to.
  struct Instance: Sendable {
    let name: DNSName
    let interface: UInt32
    /// The host that it is on, as far as that is known.
    var host: DNSName?
    /// When what is missing of it is asked for; nil: all is there.
    var schedule: Schedule?
    /// A digest of what was last told of it; 0: it is not found.
    var told: UInt64 = 0
    /// Something that is known of it has changed since it was last looked at.
    var isStale = true
  }

  var interfaces: [MDNSInterface] = []
  var browses: [Browse] = []
  var instances: [Instance] = []
  var cache = MDNSCache()
  var random: SeededRandom

  init(seed: UInt64) {
    random = SeededRandom(seed: seed)
  }

  private mutating func firstSchedule(_ now: Instant) -> Schedule {
    Schedule(due: now.advanced(milliseconds: random.number(in: Self.delayMilliseconds)))
  }

  // MARK: Interfaces and browses

  mutating func setInterface(_ interface: MDNSInterface, now: Instant) {
    if let place = interfaces.firstIndex(where: { $0.index == interface.index }) {
      let hasNewLink = interface.families.contains { !interfaces[place].families.contains($0) }
      interfaces[place] = interface
      if !hasNewLink { return }
    } else {
      interfaces.append(interface)
    }
    for index in browses.indices { look(index, on: interface.index, now) }
  }

  mutating func removeInterface(_ interface: UInt32, _ effects: inout [MDNSEffect]) {
    interfaces.removeAll { $0.index == interface }
    for index in browses.indices { browses[index].schedules.removeAll { $0.interface == interface } }
    for index in instances.indices.reversed() where instances[index].interface == interface {
      forget(index, &effects)
    }
  }

  mutating func browse(_ type: DNSName, now: Instant) {
    if browses.contains(where: { $0.type == type }) { return }
    browses.append(Browse(type: type))
    for interface in interfaces { look(browses.count - 1, on: interface.index, now) }
  }

  /// Stops looking, and forgets what was found. Nothing is told to be lost.
  mutating func stopBrowsing(_ type: DNSName) {
    browses.removeAll { $0.type == type }
    var untold: [MDNSEffect] = []
    for index in instances.indices.reversed() where instances[index].name.isChild(of: type) {
      forget(index, &untold)
    }
  }

  /// Begins to look for a type on an interface, or begins anew.
  mutating func look(_ browse: Int, on interface: UInt32, _ now: Instant) {
    browses[browse].schedules.removeAll { $0.interface == interface }
    browses[browse].schedules.append((interface, firstSchedule(now)))
  }

  // MARK: What is found

  /// A found service with all that is known of it; nil if something is missing.
  func service(_ instance: Instance) -> DiscoveredService? {
    guard let entry = cache.first(instance.name, .srv, on: instance.interface),
      case .service(_, _, let port, let host) = entry.data,
      case .text(let text)? = cache.first(instance.name, .txt, on: instance.interface)?.data
    else { return nil }
    let addresses = addresses(host, port, on: instance.interface)
    if addresses.isEmpty { return nil }
    return DiscoveredService(
      name: instance.name, interface: instance.interface, host: host, addresses: addresses, text: text)
  }

  /// A host's addresses, IPv4 first and each kind in order, so that the order in which they came changes nothing.
  private func addresses(_ host: DNSName, _ port: UInt16, on interface: UInt32) -> [SocketAddress] {
    var addresses: [IPAddress] = []
    for entry in cache.entries(host, .a, on: interface) + cache.entries(host, .aaaa, on: interface) {
      if case .address(let address) = entry.data { addresses.append(address) }
    }
    let ordered = addresses.map { (address: $0, bytes: $0.networkBytes) }.sorted { left, right in
      left.bytes.count != right.bytes.count
        ? left.bytes.count < right.bytes.count : left.bytes.lexicographicallyPrecedes(right.bytes)
    }
    return ordered.map {
      SocketAddress($0.address, port: port, scope: $0.address.isLinkLocalV6 ? interface : 0)
    }
  }

  /// Tells what has changed, and sees to it that what is missing is asked for.
  mutating func report(now: Instant, _ effects: inout [MDNSEffect]) {
    for index in instances.indices where instances[index].isStale {
      instances[index].isStale = false
      tell(index, &effects)
      if instances[index].told != 0 {
        instances[index].schedule = nil
      } else if instances[index].schedule == nil {
        instances[index].schedule = firstSchedule(now)
      }
    }
  }

  private mutating func tell(_ index: Int, _ effects: inout [MDNSEffect]) {
    let service = service(instances[index])
    let digest = service?.digest ?? 0
    let told = instances[index].told
    instances[index].told = digest
    if digest == told { return }
    if let service {
      effects.append(told == 0 ? .found(service) : .changed(service))
    } else {
      effects.append(.lost(instances[index].name, interface: instances[index].interface))
    }
  }

  // MARK: What belongs together

  func index(of instance: DNSName, on interface: UInt32) -> Int? {
    instances.firstIndex { $0.interface == interface && $0.name == instance }
  }

  /// Forgets an instance with all that only it leads to.
  mutating func forget(_ index: Int, _ effects: inout [MDNSEffect]) {
    setHost(nil, of: index)
    let instance = instances.remove(at: index)
    cache.remove {
      $0.interface == instance.interface && ($0.name == instance.name || $0.data == .pointer(instance.name))
    }
    if instance.told != 0 { effects.append(.lost(instance.name, interface: instance.interface)) }
  }

  /// Notes the host that an instance is on. The addresses of a host that none is on any more are forgotten.
  mutating func setHost(_ host: DNSName?, of index: Int) {
    let old = instances[index].host
    if old == host { return }
    instances[index].host = host
    let interface = instances[index].interface
    guard let old, !instances.contains(where: { $0.interface == interface && $0.host == old }) else { return }
    cache.remove {
      guard case .address = $0.data else { return false }
      return $0.interface == interface && $0.name == old
    }
  }

  /// The addresses of a host have changed.
  mutating func markStale(host: DNSName, on interface: UInt32) {
    for index in instances.indices where instances[index].interface == interface && instances[index].host == host {
      instances[index].isStale = true
    }
  }
}

extension DiscoveredService {
  /// FNV-1a of all that may change, never 0: it is kept instead of what was told.
  fileprivate var digest: UInt64 {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    func mix(_ bytes: [UInt8]) {
      for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }
    mix(host.wire + [0])
    mix(text.wire)
    for address in addresses {
      mix(address.address.networkBytes + [UInt8(address.port >> 8), UInt8(address.port & 0xFF)])
    }
    return hash == 0 ? 1 : hash
  }
}
