import Basics

/// How far a publication has come on one interface: a name is probed for, then announced, then answered for (RFC 6762
/// section 8).
struct MDNSClaim: Sendable {
  static let probeCount: UInt8 = 3
  static let probeGapMilliseconds: UInt64 = 250
  /// One more than must be: of three, a link that loses every fifth packet seldom loses all. Each pause is twice the one
  /// before (section 8.3).
  static let announcementCount: UInt8 = 3
  static let announcementGapMilliseconds: UInt64 = 1000
  /// How long the loser of two simultaneous probes waits before it probes again (section 8.2).
  static let deferMilliseconds: UInt64 = 1000

  enum Phase: Equatable, Sendable {
    /// So many probes are sent.
    case probing(UInt8)
    /// So many announcements are sent.
    case announcing(UInt8)
    case announced
  }

  let publication: UInt32
  private(set) var phase = Phase.probing(0)
  /// When the next step is to be done.
  private(set) var due: Instant?

  init(publication: UInt32, due: Instant) {
    self.publication = publication
    self.due = due
  }

  var isProbing: Bool {
    if case .probing = phase { true } else { false }
  }

  /// Begins anew with the first probe.
  mutating func probe(at due: Instant) {
    phase = .probing(0)
    self.due = due
  }

  /// Tells everybody again, if it is ours.
  mutating func announceAgain(now: Instant) {
    if isProbing { return }
    phase = .announcing(0)
    due = now
  }

  /// What is to be done at `now`; the phase then is the one after it.
  enum Step {
    case probe, announce
  }

  mutating func takeStep(now: Instant) -> Step? {
    guard let due, due <= now else { return nil }
    switch phase {
    case .probing(let sent) where sent < Self.probeCount:
      phase = .probing(sent + 1)
      self.due = now.advanced(milliseconds: Self.probeGapMilliseconds)
      return .probe
    case .probing:
      announce(1, now)
    case .announcing(let sent): announce(sent + 1, now)
    case .announced: self.due = nil
    }
    return .announce
  }

  private mutating func announce(_ sent: UInt8, _ now: Instant) {
    let isLast = sent >= Self.announcementCount
    phase = isLast ? .announced : .announcing(sent)
    due = isLast ? nil : now.advanced(milliseconds: Self.announcementGapMilliseconds << UInt64(sent - 1))
  }
}

/// A publication with the name that it has now.
struct MDNSPublished: Sendable {
  var publication: MDNSPublication
  private(set) var name: DNSName
  /// Of a service: what is browsed for.
  private(set) var type: DNSName
  private var number: UInt64 = 1

  init(_ publication: MDNSPublication) {
    self.publication = publication
    name = publication.name
    type = publication.name.parent
  }

  var id: UInt32 { publication.id }

  /// The next name in the row `node`, `node-2`, `node-3`; a long label is cut to leave room.
  mutating func rename() {
    number += 1
    let suffix = Array("-\(number)".utf8)
    var label = publication.name.labels.first ?? []
    label = Array(label.prefix(DNSName.maximumLabelBytes - suffix.count))
    while !label.isEmpty, String(validating: label, as: UTF8.self) == nil { label.removeLast() }
    label += suffix
    name = DNSName(wire: [UInt8(label.count)] + label + type.wire)
  }
}
