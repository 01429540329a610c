import Basics

/// Where others of a membership may be reached, and when each is tried.
///
/// A contact that fails is tried again after 1, 2, 4 … seconds, each time between half and all of it, so that nodes that
/// lost the same contact do not come back together. With every place taken and every contact dead that is less than two
/// attempts a second in the microcloud, and one every two seconds in the public cluster.
struct ContactBook: Sendable {
  /// How contacts are known; one may be known in several ways.
  struct Sources: OptionSet, Sendable {
    let rawValue: UInt8

    /// From the configuration.
    static let configured = Sources(rawValue: 1)
    /// By multicast DNS, now.
    static let discovered = Sources(rawValue: 2)
    /// They were members once.
    static let remembered = Sources(rawValue: 4)
  }

  struct Contact: Sendable {
    let address: SocketAddress
    var sources: Sources
    /// In a row.
    var failures = 0
    var dueAt: Instant
    /// Since when an attempt is under way.
    var triedAt: Instant?
    /// Whether it is a member that is there: no need to try it.
    var isMember = false

    /// When the attempt counts as failed.
    var expiresAt: Instant? { triedAt?.advanced(milliseconds: ContactBook.attemptMilliseconds) }
  }

  /// How many attempts are under way at once.
  static let maximumParallel = 3
  /// The most contacts that are known in one way.
  static let maximumCount = 32
  /// The most members that are remembered.
  static let maximumRemembered = 16
  static let firstBackoffMilliseconds: UInt64 = 1000
  /// How long the first attempt waits at most, so that boards that get power together do not call the same one together.
  static let firstDelayMilliseconds: UInt64 = 300
  /// The same where we are in: most likely another member is quicker, and then we know that one, too.
  static let unhurriedDelayMilliseconds: UInt64 = 5000
  /// One that took us in and is no member at this address is asked again after this time, in case the cluster came apart.
  static let settledMilliseconds: UInt64 = 900_000
  /// An attempt that nobody reports the end of has failed.
  static let attemptMilliseconds: UInt64 = 60_000

  private(set) var contacts: [Contact] = []
  /// Of ourselves; never tried.
  var ownAddresses: [SocketAddress] = []
  private let maximumBackoffMilliseconds: UInt64
  private var random: SeededRandom

  init(maximumBackoffMilliseconds: UInt64, seed: UInt64) {
    self.maximumBackoffMilliseconds = maximumBackoffMilliseconds
    random = SeededRandom(seed: seed)
  }

  // MARK: Who is known

  /// All that are known in one way. Others are forgotten unless they are known in another way, too.
  mutating func set(_ addresses: [SocketAddress], from source: Sources, isUrgent: Bool, now: Instant) {
    for index in contacts.indices.reversed() where !addresses.contains(contacts[index].address) {
      remove(source, from: index)
    }
    for address in addresses { add(address, from: source, isUrgent: isUrgent, now: now) }
  }

  /// Adds a contact. Where there are too many, the one that failed most often makes room.
  private mutating func add(_ address: SocketAddress, from source: Sources, isUrgent: Bool, now: Instant) {
    let known = contacts.firstIndex { $0.address == address }
    if let known, contacts[known].sources.contains(source) { return }
    let most = source == .remembered ? Self.maximumRemembered : Self.maximumCount
    guard contacts.count(where: { $0.sources.contains(source) }) < most || makeRoom(source) else { return }
    if let known = contacts.firstIndex(where: { $0.address == address }) {
      contacts[known].sources.insert(source)
    } else {
      let delay = isUrgent ? Self.firstDelayMilliseconds : Self.unhurriedDelayMilliseconds
      contacts.append(Contact(address: address, sources: source, dueAt: later(now, 0...delay)))
    }
  }

  private mutating func makeRoom(_ source: Sources) -> Bool {
    let dead = contacts.indices.filter {
      contacts[$0].sources.contains(source) && contacts[$0].failures > 0 && !contacts[$0].isMember
    }
    guard let worst = dead.max(by: { contacts[$0].failures < contacts[$1].failures }) else { return false }
    remove(source, from: worst)
    return true
  }

  private mutating func remove(_ source: Sources, from index: Int) {
    contacts[index].sources.remove(source)
    if contacts[index].sources.isEmpty { contacts.remove(at: index) }
  }

  /// What is to be stored for the next start.
  var remembered: [SocketAddress] {
    contacts.filter { $0.sources.contains(.remembered) }.map { $0.address }
  }

  // MARK: Members

  /// A member is there: remembered if there is room.
  mutating func note(member address: SocketAddress, now: Instant) {
    if ownAddresses.contains(address) { return }
    add(address, from: .remembered, isUrgent: false, now: now)
    guard let index = contacts.firstIndex(where: { $0.address == address }) else { return }
    contacts[index].isMember = true
  }

  /// A member is gone.
  mutating func forget(member address: SocketAddress, now: Instant) {
    guard let index = contacts.firstIndex(where: { $0.address == address && $0.isMember }) else { return }
    contacts[index].isMember = false
    contacts[index].dueAt = later(now, 0...Self.unhurriedDelayMilliseconds)
  }

  mutating func forgetMembers() {
    for index in contacts.indices { contacts[index].isMember = false }
  }

  // MARK: Attempts

  /// Contacts to be tried now.
  mutating func takeDue(now: Instant, membersToo: Bool) -> [SocketAddress] {
    for index in contacts.indices {
      if let expiry = contacts[index].expiresAt, expiry <= now { end(index, isSuccess: false, now: now) }
    }
    var due = contacts.indices.filter { isEligible(contacts[$0], membersToo) && contacts[$0].dueAt <= now }
    due.sort { contacts[$0].dueAt < contacts[$1].dueAt }
    let taken = due.prefix(max(0, Self.maximumParallel - attempts))
    for index in taken { contacts[index].triedAt = now }
    return taken.map { contacts[$0].address }
  }

  /// What became of an attempt.
  mutating func tried(_ address: SocketAddress, isSuccess: Bool, now: Instant) {
    guard let index = contacts.firstIndex(where: { $0.address == address }) else { return }
    end(index, isSuccess: isSuccess, now: now)
  }

  private mutating func end(_ index: Int, isSuccess: Bool, now: Instant) {
    contacts[index].triedAt = nil
    contacts[index].failures = isSuccess ? 0 : contacts[index].failures + 1
    let pause = isSuccess ? Self.settledMilliseconds : backoff(failures: contacts[index].failures)
    contacts[index].dueAt = later(now, pause / 2...pause)
  }

  private func backoff(failures: Int) -> UInt64 {
    min(Self.firstBackoffMilliseconds << UInt64(min(failures - 1, 20)), maximumBackoffMilliseconds)
  }

  /// Forgets all failures: the world is another one now.
  mutating func retryAll(now: Instant) {
    for index in contacts.indices {
      contacts[index].failures = 0
      contacts[index].triedAt = nil
      contacts[index].dueAt = later(now, 0...Self.firstDelayMilliseconds)
    }
  }

  /// Whatever was reached was of no use.
  mutating func failAll(now: Instant) {
    for index in contacts.indices where contacts[index].triedAt == nil { end(index, isSuccess: false, now: now) }
  }

  // MARK: Looking

  var attempts: Int { contacts.count { $0.triedAt != nil } }
  /// How many did not answer when they were last tried.
  var silent: Int { contacts.count { $0.failures > 0 && !$0.isMember } }
  var isEmpty: Bool { !contacts.contains { !ownAddresses.contains($0.address) } }

  /// When the next contact is tried; nil: none will be.
  func nextAttempt(membersToo: Bool) -> Instant? {
    contacts.filter { isEligible($0, membersToo) }.map { $0.dueAt }.min()
  }

  /// When `takeDue` has something to do.
  func nextDeadline(membersToo: Bool) -> Instant? {
    let expiry = contacts.compactMap { $0.expiresAt }.min()
    return Instant.earlier(attempts < Self.maximumParallel ? nextAttempt(membersToo: membersToo) : nil, expiry)
  }

  private func isEligible(_ contact: Contact, _ membersToo: Bool) -> Bool {
    contact.triedAt == nil && (membersToo || !contact.isMember) && !ownAddresses.contains(contact.address)
  }
  private mutating func later(_ now: Instant, _ milliseconds: ClosedRange<UInt64>) -> Instant {
    now.advanced(milliseconds: random.number(in: milliseconds))
  }
}
