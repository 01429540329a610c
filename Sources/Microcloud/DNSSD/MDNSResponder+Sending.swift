import Basics

// Packets of probes, answers and goodbyes.
extension MDNSResponder {
  /// Probes for several names in as few packets as they fit into (RFC 6762 section 8.1).
  func sendProbes(_ publications: ArraySlice<UInt32>, _ place: Int, _ effects: inout [MDNSEffect]) {
    if publications.isEmpty { return }
    if let bytes = probe(publications, place) {
      multicast(bytes, place, &effects)
    } else if publications.count > 1 {
      let middle = publications.startIndex + publications.count / 2
      sendProbes(publications[..<middle], place, &effects)
      sendProbes(publications[middle...], place, &effects)
    }
  }

  /// One packet that asks for everything under these names and says what we will answer; nil if it does not fit.
  private func probe(_ publications: ArraySlice<UInt32>, _ place: Int) -> [UInt8]? {
    var packet = DNSPacket(flags: .query, maximumBytes: MDNS.maximumSentBytes)
    for publication in publications {
      guard let entry = find(publication) else { continue }
      if !packet.append(DNSQuestion(entry.name, .any, wantsUnicast: true)) { return nil }
    }
    for record in publications.flatMap({ probed($0, on: place) }) where !packet.append(record, to: .authority) {
      return nil
    }
    return packet.bytes
  }

  /// The records that a probe proposes: without the cache-flush bit, as nobody owns them yet.
  func probed(_ publication: UInt32, on place: Int) -> [DNSRecord] {
    records(of: publication, on: place).filter { $0.isUnique }.compactMap { record in
      var record = resolve(record, on: place)
      record?.isUnique = false
      return record
    }
  }

  /// Sends what is due on a link, with what goes well with it.
  mutating func sendDue(_ place: Int, _ link: Int, _ now: Instant, _ effects: inout [MDNSEffect]) {
    var queue = presences[place].links[link].queue
    defer { presences[place].links[link].queue = queue }
    let answers = queue.takeDue(now: now).filter { isAnnounced($0.publication, on: place) }
    if answers.isEmpty { return }
    let additionals = additionals(to: answers, on: place).filter { !queue.wasJustSent($0, now: now) }
    let index = presences[place].interface.index
    let destination = presences[place].links[link].family.group(interface: index)
    var packet = DNSPacket(flags: .response, maximumBytes: MDNS.maximumSentBytes)
    for answer in answers {
      guard let record = resolve(answer, on: place) else { continue }
      if !packet.append(record, to: .answer) {
        effects.append(.send(packet.bytes, interface: index, to: destination))
        packet = DNSPacket(flags: .response, maximumBytes: MDNS.maximumSentBytes)
        guard packet.append(record, to: .answer) else { continue }
      }
      queue.noteSent(answer, now: now)
    }
    for additional in additionals {
      guard let record = resolve(additional, on: place), packet.append(record, to: .additional) else { continue }
      queue.noteSent(additional, now: now)
      queue.drop(additional)
    }
    if !packet.isEmpty { effects.append(.send(packet.bytes, interface: index, to: destination)) }
  }

  /// A packet that answers one asker alone, with as much as fits.
  func sendUnicast(
    _ answers: [OwnRecord], to source: SocketAddress, answering query: DNSMessage, _ place: Int,
    _ effects: inout [MDNSEffect]
  ) {
    let isLegacy = source.port != MDNS.port
    let form = isLegacy ? UnicastForm.legacy(query) : .plain
    var packet = form.packet
    for answer in answers {
      if let record = resolve(answer, on: place) { _ = packet.append(form.adapt(record), to: .answer) }
    }
    for additional in additionals(to: answers, on: place) {
      if let record = resolve(additional, on: place) { _ = packet.append(form.adapt(record), to: .additional) }
    }
    if !packet.isEmpty {
      effects.append(.send(packet.bytes, interface: presences[place].interface.index, to: source))
    }
  }

  /// Tells all links of an interface that a publication's records hold no longer.
  func sendGoodbye(_ publication: UInt32, _ place: Int, _ effects: inout [MDNSEffect]) {
    guard isAnnounced(publication, on: place), let entry = find(publication) else { return }
    var records = records(of: publication, on: place)
    let isTypeUsed = published.contains { other in
      other.id != publication && other.host != nil && other.type == entry.type && isAnnounced(other.id, on: place)
    }
    if isTypeUsed { records.removeAll { $0.kind == .type } }
    takeBack(records.compactMap { resolve($0, on: place) }, place, &effects)
  }

  /// Takes back addresses that a host has no longer, if they were announced.
  func takeBack(
    _ addresses: [IPAddress], of publication: UInt32, _ place: Int, _ effects: inout [MDNSEffect]
  ) {
    guard isAnnounced(publication, on: place), let entry = find(publication) else { return }
    let records = addresses.map {
      DNSRecord(entry.name, .address($0), ttlSeconds: 0, isUnique: true)
    }
    takeBack(records, place, &effects)
  }

  /// Takes back the addresses of this machine that an interface is about to lose.
  func takeBackAddresses(missingIn interface: MDNSInterface, _ place: Int, _ effects: inout [MDNSEffect]) {
    let gone = presences[place].interface.addresses.map { $0.address }.filter { address in
      !interface.addresses.contains { $0.address == address }
    }
    for entry in published where entry.publication.content == .host(nil) {
      takeBack(gone, of: entry.id, place, &effects)
    }
  }

  private func takeBack(_ records: [DNSRecord], _ place: Int, _ effects: inout [MDNSEffect]) {
    var packet = DNSPacket(flags: .response, maximumBytes: MDNS.maximumSentBytes)
    for record in records {
      var goodbye = record
      goodbye.ttlSeconds = 0
      if packet.append(goodbye, to: .answer) { continue }
      multicast(packet.bytes, place, &effects)
      packet = DNSPacket(flags: .response, maximumBytes: MDNS.maximumSentBytes)
      _ = packet.append(goodbye, to: .answer)
    }
    if !packet.isEmpty { multicast(packet.bytes, place, &effects) }
  }

  private func multicast(_ bytes: [UInt8], _ place: Int, _ effects: inout [MDNSEffect]) {
    let index = presences[place].interface.index
    for link in presences[place].links {
      effects.append(.send(bytes, interface: index, to: link.family.group(interface: index)))
    }
  }
}

/// How a unicast answer looks: as a multicast one, or as plain DNS clients take it (RFC 6762 section 6.7).
private enum UnicastForm {
  case plain
  case legacy(DNSMessage)

  static let legacyTTLSeconds: UInt32 = 10
  /// What a DNS client takes that has not said more (RFC 1035 section 2.3.4).
  static let legacyMaximumBytes = 512

  var packet: DNSPacket {
    switch self {
    case .plain: return DNSPacket(flags: .response, maximumBytes: MDNS.maximumSentBytes)
    case .legacy(let query):
      var packet = DNSPacket(
        id: query.id, flags: .response, maximumBytes: Self.legacyMaximumBytes, compressesServices: false)
      for question in query.questions { _ = packet.append(question) }
      return packet
    }
  }

  func adapt(_ record: DNSRecord) -> DNSRecord {
    guard case .legacy = self else { return record }
    var record = record
    record.ttlSeconds = min(record.ttlSeconds, Self.legacyTTLSeconds)
    record.isUnique = false
    return record
  }
}
