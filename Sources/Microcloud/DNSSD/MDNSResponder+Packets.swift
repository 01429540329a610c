import Basics

// What others ask and say.
extension MDNSResponder {
  /// How long an answer that others may give too is held back (RFC 6762 section 6), and one to an asker whose known answers
  /// go on in further packets (section 7.2).
  static let sharedDelayMilliseconds: ClosedRange<UInt64> = 20...120
  static let truncatedDelayMilliseconds: ClosedRange<UInt64> = 400...500

  /// A query that came on one of our interfaces.
  mutating func receiveQuery(
    _ query: DNSMessage, from source: SocketAddress, interface: UInt32, now: Instant, _ effects: inout [MDNSEffect]
  ) {
    guard let (place, link) = link(source, interface) else { return }
    dropKnown(query, from: source, place, link)
    let questions = query.heededQuestions
    for question in questions { breakTie(question, query, place, now) }

    let isLegacy = source.port != MDNS.port
    var multicast: [OwnRecord] = []
    var unicast: [OwnRecord] = []
    let queue = presences[place].links[link].queue
    for question in questions {
      for answer in answers(to: question, on: place) where !isKnown(answer, query, place) {
        if isLegacy || question.wantsUnicast && queue.isFresh(answer, now: now) {
          if !unicast.contains(answer) { unicast.append(answer) }
        } else if !multicast.contains(answer) {
          multicast.append(answer)
        }
      }
    }
    // An answer to one address goes to neighbours only, so that nobody far away can be flooded by way of us.
    if !unicast.isEmpty, presences[place].interface.isOnLink(source.address) {
      sendUnicast(unicast, to: source, answering: query, place, &effects)
    }
    enqueue(multicast, query, from: source, place, link, now)
  }

  private func link(_ source: SocketAddress, _ interface: UInt32) -> (place: Int, link: Int)? {
    guard let place = presences.firstIndex(where: { $0.interface.index == interface }),
      let link = presences[place].links.firstIndex(where: { $0.family == IPFamily(source.address) })
    else { return nil }
    return (place, link)
  }

  private mutating func enqueue(
    _ answers: [OwnRecord], _ query: DNSMessage, from source: SocketAddress, _ place: Int, _ link: Int, _ now: Instant
  ) {
    var (earliest, due) = (now, now)
    var asker: IPAddress?
    if query.flags.isTruncated {
      due = now.advanced(milliseconds: random.number(in: Self.truncatedDelayMilliseconds))
      earliest = due
      asker = source.address
    } else if answers.contains(where: { !$0.isUnique }) {
      due = now.advanced(milliseconds: random.number(in: Self.sharedDelayMilliseconds))
    }
    var queue = presences[place].links[link].queue
    for answer in answers {
      queue.add(answer, earliest: earliest, due: due, asker: asker, isDefence: !query.authorities.isEmpty)
    }
    presences[place].links[link].queue = queue
  }

  /// Whether the asker has the answer already, and will for at least half its time (RFC 6762 section 7.1).
  private func isKnown(_ answer: OwnRecord, _ query: DNSMessage, _ place: Int) -> Bool {
    guard !query.answers.isEmpty, let record = resolve(answer, on: place) else { return false }
    return query.answers.contains { $0.ttlSeconds >= record.ttlSeconds / 2 && $0.says(record.data, of: record.name) }
  }

  /// Known answers of an asker who has more than fit into its first packet.
  private mutating func dropKnown(_ query: DNSMessage, from source: SocketAddress, _ place: Int, _ link: Int) {
    if query.answers.isEmpty { return }
    for (record, asker) in presences[place].links[link].queue.waiting
    where asker == source.address && isKnown(record, query, place) {
      presences[place].links[link].queue.drop(record)
    }
  }

  /// Two probe for one name at the same time: the one whose records come later in order goes on, the other one waits and
  /// then finds the name taken (RFC 6762 section 8.2).
  private mutating func breakTie(_ question: DNSQuestion, _ query: DNSMessage, _ place: Int, _ now: Instant) {
    if query.authorities.isEmpty { return }
    for entry in published where entry.name == question.name {
      guard presences[place].claim(entry.id)?.isProbing ?? false else { continue }
      let theirs = query.authorities.filter { $0.name == entry.name }
      let ours = probed(entry.id, on: place)
      if !theirs.isEmpty, DNSRecord.precede(ours, theirs) {
        presences[place].probe([entry.id], at: now.advanced(milliseconds: MDNSClaim.deferMilliseconds))
      }
    }
  }

  /// A response of another host: it may hold what we were about to say, or contradict us.
  mutating func receiveResponse(
    _ response: DNSMessage, from source: SocketAddress, interface: UInt32, now: Instant, _ effects: inout [MDNSEffect]
  ) {
    guard let (place, link) = link(source, interface) else { return }
    var conflicts: [UInt32] = []
    for record in response.answers + response.additionals where record.recordClass == .internet {
      dropSaid(record, place, link)
      if let own = ours(like: record) {
        // Said with too short a time, it would vanish from caches: say it right (RFC 6762 section 6.6).
        if record.ttlSeconds < own.ttlSeconds / 2 { presences[place].announceAgain(own.publication, now: now) }
      } else if record.ttlSeconds > 0 {
        for entry in published where entry.name == record.name && entry.owns(record.type) { conflicts.append(entry.id) }
      }
    }
    // Several records of one packet are one conflict.
    for (index, publication) in conflicts.enumerated() where !conflicts[..<index].contains(publication) {
      conflict(publication, place, now, &effects)
    }
  }

  /// Somebody else has multicast a shared record that waits (RFC 6762 section 7.4).
  private mutating func dropSaid(_ record: DNSRecord, _ place: Int, _ link: Int) {
    for (own, _) in presences[place].links[link].queue.waiting where !own.isUnique {
      guard let data = resolve(own, on: place), record.says(data.data, of: data.name) else { continue }
      if record.ttlSeconds >= data.ttlSeconds { presences[place].links[link].queue.drop(own) }
    }
  }
}

extension DNSMessage {
  /// More questions of one packet are not heeded: what they cost is bounded.
  static let maximumHeededQuestions = 64

  /// The questions, each once.
  var heededQuestions: [DNSQuestion] {
    var heeded: [DNSQuestion] = []
    for question in questions.prefix(Self.maximumHeededQuestions) where !heeded.contains(question) {
      heeded.append(question)
    }
    return heeded
  }
}

extension MDNSPublished {
  /// Whether all records of this type under the name are ours, once it is.
  func owns(_ type: DNSType) -> Bool {
    publication.isHost ? type == .a || type == .aaaa : type == .srv || type == .txt
  }
}
