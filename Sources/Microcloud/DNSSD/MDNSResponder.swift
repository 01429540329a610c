import Basics

/// Tells others what we publish: probes for names, announces, answers, defends, says goodbye (RFC 6762 sections 6 to 10).
struct MDNSResponder: Sendable {
  /// Probing begins after a random part of this, so that boards on one power switch do not all speak at once.
  static let probeDelayMilliseconds: ClosedRange<UInt64> = 0...250
  /// After so many conflicts, without a quiet time between, probes are so far apart (section 8.1).
  static let conflictLimit = 15
  static let conflictQuietMilliseconds: UInt64 = 10_000
  static let conflictPauseMilliseconds: UInt64 = 5000

  struct Link: Sendable {
    let family: IPFamily
    var queue = MDNSAnswerQueue()
  }

  /// What is under way on one interface.
  struct Presence: Sendable {
    var interface: MDNSInterface
    var claims: [MDNSClaim]
    var links: [Link]

    func claim(_ publication: UInt32) -> MDNSClaim? {
      claims.first { $0.publication == publication }
    }

    /// Begins anew to ask whose the names of these publications are.
    mutating func probe(_ publications: [UInt32], at due: Instant) {
      for index in claims.indices where publications.contains(claims[index].publication) {
        claims[index].probe(at: due)
      }
    }

    /// Tells everybody again what is ours.
    mutating func announceAgain(_ publication: UInt32, now: Instant) {
      for index in claims.indices where claims[index].publication == publication {
        claims[index].announceAgain(now: now)
      }
    }

    /// Plans to say records on every link at once.
    mutating func say(_ records: [OwnRecord], now: Instant) {
      for index in links.indices {
        for record in records { links[index].queue.add(record, earliest: now, due: now) }
      }
    }

    mutating func forget(_ publication: UInt32) {
      for index in links.indices { links[index].queue.forget(publication: publication) }
    }
  }

  var published: [MDNSPublished] = []
  var presences: [Presence] = []
  var random: SeededRandom
  private var conflictCount = 0
  private var lastConflict = Instant(nanoseconds: 0)

  init(seed: UInt64) {
    random = SeededRandom(seed: seed)
  }

  func index(of publication: UInt32) -> Int? {
    published.firstIndex { $0.id == publication }
  }

  func find(_ publication: UInt32) -> MDNSPublished? {
    index(of: publication).map { published[$0] }
  }

  /// When to begin to probe: together with what waits to begin already, so that one packet is enough for both.
  private mutating func probeTime(_ now: Instant) -> Instant {
    let latest = now.advanced(milliseconds: Self.probeDelayMilliseconds.upperBound)
    for presence in presences {
      for claim in presence.claims where claim.phase == .probing(0) {
        if let due = claim.due, due >= now, due <= latest { return due }
      }
    }
    return now.advanced(milliseconds: random.number(in: Self.probeDelayMilliseconds))
  }

  // MARK: Time

  var nextDeadline: Instant? {
    var earliest: Instant?
    for presence in presences {
      for claim in presence.claims { earliest = Instant.earlier(earliest, claim.due) }
      for link in presence.links { earliest = Instant.earlier(earliest, link.queue.nextDeadline) }
    }
    return earliest
  }

  /// Does what is due, which every input may have brought about.
  mutating func run(now: Instant, _ effects: inout [MDNSEffect]) {
    for place in presences.indices {
      var probes: [UInt32] = []
      for index in presences[place].claims.indices {
        let publication = presences[place].claims[index].publication
        switch presences[place].claims[index].takeStep(now: now) {
        case .probe: probes.append(publication)
        case .announce: presences[place].say(records(of: publication, on: place), now: now)
        case nil: break
        }
      }
      sendProbes(probes[...], place, &effects)
      for link in presences[place].links.indices { sendDue(place, link, now, &effects) }
    }
  }

  // MARK: Interfaces

  /// An interface has come, or has other addresses than before; it has at least one.
  mutating func setInterface(_ interface: MDNSInterface, now: Instant, _ effects: inout [MDNSEffect]) {
    guard let place = presences.firstIndex(where: { $0.interface.index == interface.index }) else {
      let due = probeTime(now)
      presences.append(
        Presence(
          interface: interface, claims: published.map { MDNSClaim(publication: $0.id, due: due) },
          links: interface.families.map { Link(family: $0) }))
      return
    }
    if presences[place].interface.isSame(as: interface) { return }
    takeBackAddresses(missingIn: interface, place, &effects)
    let families = presences[place].interface.families
    presences[place].interface = interface
    presences[place].links.removeAll { !interface.families.contains($0.family) }
    let added = interface.families.filter { !families.contains($0) }
    presences[place].links += added.map { Link(family: $0) }
    // Who is on the new link may have our names.
    if !added.isEmpty { presences[place].probe(published.map { $0.id }, at: probeTime(now)) }
    for entry in published where entry.publication.content == .host(nil) {
      presences[place].forget(entry.id)
      presences[place].announceAgain(entry.id, now: now)
    }
  }

  mutating func removeInterface(_ index: UInt32) {
    presences.removeAll { $0.interface.index == index }
  }

  // MARK: Publications

  /// Publishes, or changes what is published under the id. A new name, or another kind of thing, starts anew.
  mutating func publish(_ publication: MDNSPublication, now: Instant, _ effects: inout [MDNSEffect]) {
    if let index = index(of: publication.id) {
      if published[index].publication == publication { return }
      if published[index].publication.name == publication.name,
        published[index].publication.isHost == publication.isHost
      {
        change(index, to: publication, now, &effects)
        return
      }
      withdraw(publication.id, &effects)
    }
    published.append(MDNSPublished(publication))
    let due = probeTime(now)
    for place in presences.indices {
      presences[place].claims.append(MDNSClaim(publication: publication.id, due: due))
    }
  }

  /// Same name, other data: announced without probing (RFC 6762 section 8.4).
  private mutating func change(
    _ index: Int, to publication: MDNSPublication, _ now: Instant, _ effects: inout [MDNSEffect]
  ) {
    let old = addresses(of: published[index])
    published[index].publication = publication
    let new = addresses(of: published[index])
    let gone = old.filter { !new.contains($0) }
    for place in presences.indices {
      presences[place].forget(publication.id)
      takeBack(gone, of: publication.id, place, &effects)
      presences[place].announceAgain(publication.id, now: now)
    }
  }

  /// Takes back what was published; where it was announced, everybody hears of it.
  mutating func withdraw(_ publication: UInt32, _ effects: inout [MDNSEffect]) {
    for place in presences.indices {
      sendGoodbye(publication, place, &effects)
      presences[place].claims.removeAll { $0.publication == publication }
      presences[place].forget(publication)
    }
    published.removeAll { $0.id == publication }
  }

  // MARK: Conflicts

  /// Another host has answered for a name that we hold or want: on this interface we ask again whose it is (RFC 6762
  /// section 9), or take the next name if we were asking.
  mutating func conflict(_ publication: UInt32, _ place: Int, _ now: Instant, _ effects: inout [MDNSEffect]) {
    // Before our first probe an answer says nothing yet: the name's owner will have to defend it.
    guard let claim = presences[place].claim(publication), claim.phase != .probing(0) else { return }
    countConflict(now)
    if claim.isProbing {
      rename(publication, place, now, &effects)
    } else {
      presences[place].forget(publication)
      presences[place].probe([publication], at: probeTimeAfterConflict(now))
    }
  }

  /// A goodbye for the old name goes where it was ours, not where another host has it now.
  private mutating func rename(
    _ publication: UInt32, _ conflicted: Int, _ now: Instant, _ effects: inout [MDNSEffect]
  ) {
    guard let index = index(of: publication) else { return }
    // The services on a host say where it is: with another host they are others, and ask again.
    let touched = [publication] + published.filter { $0.host == publication }.map { $0.id }
    for place in presences.indices {
      if place != conflicted { sendGoodbye(publication, place, &effects) }
      for id in touched { presences[place].forget(id) }
    }
    published[index].rename()
    let due = probeTimeAfterConflict(now)
    for place in presences.indices { presences[place].probe(touched, at: due) }
    effects.append(.renamed(publication: publication, published[index].name))
  }

  private mutating func countConflict(_ now: Instant) {
    if now >= lastConflict.advanced(milliseconds: Self.conflictQuietMilliseconds) { conflictCount = 0 }
    conflictCount = min(conflictCount + 1, Self.conflictLimit)
    lastConflict = now
  }

  private mutating func probeTimeAfterConflict(_ now: Instant) -> Instant {
    conflictCount < Self.conflictLimit
      ? probeTime(now) : now.advanced(milliseconds: Self.conflictPauseMilliseconds)
  }
}

extension MDNSPublication {
  var isHost: Bool {
    if case .host = content { true } else { false }
  }
}

extension MDNSPublished {
  /// The publication that a service's host is.
  var host: UInt32? {
    if case .service(let host, _, _) = publication.content { host } else { nil }
  }
}
