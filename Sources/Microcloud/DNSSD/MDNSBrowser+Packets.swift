import Basics

// What is asked, and what others answer and ask.
extension MDNSBrowser {
  var nextDeadline: Instant? {
    var earliest = cache.nextDeadline
    for browse in browses {
      for (_, schedule) in browse.schedules { earliest = Instant.earlier(earliest, schedule.due) }
    }
    for instance in instances { earliest = Instant.earlier(earliest, instance.schedule?.due) }
    return earliest
  }

  /// Does what is due.
  mutating func run(now: Instant, _ effects: inout [MDNSEffect]) {
    let expired = cache.removeExpired(now: now)
    for entry in expired {
      follow(entry, &effects)
      lookAgain(after: entry, now)
    }
    if !expired.isEmpty { report(now: now, &effects) }
    for interface in interfaces { ask(on: interface, now, &effects) }
  }

  /// Sends all that is to be asked on an interface now.
  private mutating func ask(on interface: MDNSInterface, _ now: Instant, _ effects: inout [MDNSEffect]) {
    var questions = cache.takeRefreshes(on: interface.index, now: now)
    if questions.isEmpty, !isAnyDue(on: interface.index, now) { return }
    func add(_ question: DNSQuestion) {
      if !questions.contains(question) { questions.append(question) }
    }
    for index in browses.indices {
      for place in browses[index].schedules.indices
      where browses[index].schedules[place].interface == interface.index
        && browses[index].schedules[place].schedule.isReady(now)
      {
        browses[index].schedules[place].schedule.step(now: now)
        add(DNSQuestion(browses[index].type, .ptr))
      }
    }
    for index in instances.indices where instances[index].interface == interface.index {
      guard instances[index].schedule?.isReady(now) ?? false else { continue }
      instances[index].schedule?.step(now: now)
      for question in missing(instances[index]) { add(question) }
    }
    if questions.isEmpty { return }
    let packets = MDNSQueryWriter.packets(questions, known: known(questions, on: interface.index, now))
    for family in interface.families {
      for packet in packets {
        effects.append(
          .send(packet, interface: interface.index, to: family.group(interface: interface.index)))
      }
    }
  }

  /// What a record's end means for the instances that it was about.
  private mutating func follow(_ expired: MDNSCache.Entry, _ effects: inout [MDNSEffect]) {
    switch expired.data {
    case .pointer(let name):
      if let index = index(of: name, on: expired.interface) { forget(index, &effects) }
    case .service, .text:
      guard let index = index(of: expired.name, on: expired.interface) else { return }
      if expired.data.type == .srv { setHost(nil, of: index) }
      instances[index].isStale = true
    default: markStale(host: expired.name, on: expired.interface)
    }
  }

  /// A service whose host does not answer any more is doubtful altogether. Or packets were lost, and the next time that all
  /// are asked for might be in an hour.
  private mutating func lookAgain(after expired: MDNSCache.Entry, _ now: Instant) {
    switch (expired.data, expired.state) {
    case (.service, .believed), (.service, .doubted):
      let type = expired.name.parent
      cache.doubt(type, .pointer(expired.name), on: expired.interface, now: now)
      lookAgain(for: type, on: expired.interface, now)
    case (.pointer, .believed): lookAgain(for: expired.name, on: expired.interface, now)
    default: break
    }
  }

  /// Begins anew to ask for a type. If that is soon to be done anyhow, it will do: services that come and go every second
  /// shall not make us talk as often.
  private mutating func lookAgain(for type: DNSName, on interface: UInt32, _ now: Instant) {
    let soon = now.advanced(milliseconds: Self.lookAgainMilliseconds)
    for index in browses.indices where browses[index].type == type {
      let isSoon = browses[index].schedules.contains { $0.interface == interface && $0.schedule.due <= soon }
      if !isSoon { look(index, on: interface, now) }
    }
  }

  private func isAnyDue(on interface: UInt32, _ now: Instant) -> Bool {
    browses.contains { $0.schedules.contains { $0.interface == interface && $0.schedule.due <= now } }
      || instances.contains { $0.interface == interface && $0.schedule.map { $0.due <= now } ?? false }
  }

  /// What must be asked for before an instance can be told.
  private func missing(_ instance: Instance) -> [DNSQuestion] {
    var questions: [DNSQuestion] = []
    for type in [DNSType.srv, .txt] where cache.first(instance.name, type, on: instance.interface) == nil {
      questions.append(DNSQuestion(instance.name, type))
    }
    if case .service(_, _, _, let host)? = cache.first(instance.name, .srv, on: instance.interface)?.data,
      cache.first(host, .a, on: instance.interface) == nil, cache.first(host, .aaaa, on: instance.interface) == nil
    {
      questions += [DNSQuestion(host, .a), DNSQuestion(host, .aaaa)]
    }
    return questions
  }

  /// The answers that nobody need give again (RFC 6762 section 7.1). Only pointers have several owners.
  private func known(_ questions: [DNSQuestion], on interface: UInt32, _ now: Instant) -> [DNSRecord] {
    var records: [DNSRecord] = []
    for entry in cache.entries where entry.interface == interface && entry.data.type == .ptr {
      guard questions.contains(where: { $0.type == .ptr && $0.name == entry.name }) else { continue }
      guard let seconds = entry.knownSeconds(now: now) else { continue }
      records.append(DNSRecord(entry.name, entry.data, ttlSeconds: seconds, isUnique: false))
    }
    return records
  }

  // MARK: Responses

  /// Takes what is of use from a response: pointers to instances of what is looked for, what belongs to these, and where
  /// their hosts are.
  mutating func receiveResponse(
    _ response: DNSMessage, interface: UInt32, now: Instant, _ effects: inout [MDNSEffect]
  ) {
    guard interfaces.contains(where: { $0.index == interface }), !browses.isEmpty else { return }
    let records = (response.answers + response.additionals).filter { $0.recordClass == .internet }
    for record in records {
      guard case .pointer(let instance) = record.data else { continue }
      guard let browse = browses.first(where: { $0.type == record.name }), instance.isChild(of: browse.type) else {
        continue
      }
      takePointer(record, to: instance, of: browse.type, interface, now, &effects)
    }
    for record in records where record.type == .srv || record.type == .txt {
      guard let index = index(of: record.name, on: interface) else {
        // All pointers to it were lost: somebody knows a service of which we do not.
        if record.ttlSeconds > 0 { lookAgain(for: record.name.parent, on: interface, now) }
        continue
      }
      guard take(record, sharing: instances[index].name, interface, now) == .changed else { continue }
      instances[index].isStale = true
      if case .service(_, _, _, let host) = record.data { setHost(host, of: index) }
    }
    for record in records {
      guard case .address = record.data, let host = hostName(record.name, interface) else { continue }
      if take(record, sharing: host, interface, now) == .changed { markStale(host: host, on: interface) }
    }
    report(now: now, &effects)
  }

  private mutating func takePointer(
    _ record: DNSRecord, to instance: DNSName, of type: DNSName, _ interface: UInt32, _ now: Instant,
    _ effects: inout [MDNSEffect]
  ) {
    if record.ttlSeconds == 0 {
      cache.takeBack(type, record.data, on: interface, now: now)
      return
    }
    let known = index(of: instance, on: interface)
    let pointer = DNSRecordData.pointer(known.map { instances[$0].name } ?? instance)
    let outcome = cache.take(
      type, pointer, ttlSeconds: record.ttlSeconds, on: interface, now: now, jitter: jitter())
    if known != nil || outcome == .refused { return }
    let unresolved = instances.indices.filter { instances[$0].told == 0 }
    if unresolved.count >= Self.maximumUnresolved { forget(unresolved[0], &effects) }
    instances.append(Instance(name: instance, interface: interface))
  }

  private mutating func take(
    _ record: DNSRecord, sharing name: DNSName, _ interface: UInt32, _ now: Instant
  ) -> MDNSCache.Outcome {
    if record.ttlSeconds == 0 {
      cache.takeBack(name, record.data, on: interface, now: now)
      return .confirmed
    }
    let outcome = cache.take(
      name, record.data, ttlSeconds: record.ttlSeconds, on: interface, now: now, jitter: jitter())
    if record.isUnique { cache.flush(name, record.type, on: interface, now: now) }
    return outcome
  }

  private func hostName(_ name: DNSName, _ interface: UInt32) -> DNSName? {
    instances.first { $0.interface == interface && $0.host == name }?.host
  }

  private mutating func jitter() -> UInt8 {
    UInt8(truncatingIfNeeded: random.next())
  }

  // MARK: Queries

  /// What another host asks by multicast need not be asked at the same time, and shows what goes unanswered.
  mutating func receiveQuery(_ query: DNSMessage, from source: IPAddress, interface: UInt32, now: Instant) {
    if query.flags.isTruncated { return }
    let isKnownHere = isKnownHere(query.answers, interface, now)
    // Nobody answers its own question: of what the asker itself has, its silence says nothing.
    let askers = hosts(at: source, on: interface)
    let instances = instances
    for question in query.heededQuestions where !question.wantsUnicast {
      cache.noteQuestion(question, on: interface, now: now) { entry in
        if query.answers.contains(where: { $0.says(entry.data, of: entry.name) }) { return true }
        if askers.isEmpty { return false }
        let name = if case .pointer(let instance) = entry.data { instance } else { entry.name }
        let host = instances.first { $0.interface == interface && $0.name == name }?.host ?? name
        return askers.contains(host)
      }
      guard isKnownHere else { continue }
      cache.skipRefreshes(for: question, on: interface, now: now)
      skipBrowse(question, interface, now)
    }
  }

  /// The hosts that have an address.
  private func hosts(at address: IPAddress, on interface: UInt32) -> [DNSName] {
    cache.entries.filter { $0.interface == interface && $0.data == .address(address) }.map { $0.name }
  }

  /// Whether what another one knows already is known here too, so that we miss no answer that it does without.
  private func isKnownHere(_ answers: [DNSRecord], _ interface: UInt32, _ now: Instant) -> Bool {
    answers.allSatisfy { answer in
      cache.entries.contains {
        $0.interface == interface && answer.says($0.data, of: $0.name) && $0.knownSeconds(now: now) != nil
      }
    }
  }

  private mutating func skipBrowse(_ question: DNSQuestion, _ interface: UInt32, _ now: Instant) {
    for index in browses.indices where question.asks(for: .ptr, of: browses[index].type) {
      for place in browses[index].schedules.indices
      where browses[index].schedules[place].interface == interface
        && browses[index].schedules[place].schedule.isSoon(now)
      {
        browses[index].schedules[place].schedule.step(now: now)
      }
    }
  }
}

/// Questions and the answers to them that are known already, in as few packets as they fit into (RFC 6762 section 7.2).
enum MDNSQueryWriter {
  static func packets(_ questions: [DNSQuestion], known: [DNSRecord]) -> [[UInt8]] {
    var packets = [DNSPacket(flags: .query, maximumBytes: MDNS.maximumSentBytes)]
    for question in questions {
      append(to: &packets) { $0.append(question) }
    }
    for record in known {
      append(to: &packets) { $0.append(record, to: .answer) }
    }
    // More known answers follow in the next packet.
    if !known.isEmpty {
      for index in packets.indices.dropLast() { packets[index].setTruncated() }
    }
    return packets.map { $0.bytes }
  }

  private static func append(to packets: inout [DNSPacket], _ append: (inout DNSPacket) -> Bool) {
    if append(&packets[packets.count - 1]) { return }
    var packet = DNSPacket(flags: .query, maximumBytes: MDNS.maximumSentBytes)
    if append(&packet) { packets.append(packet) }
  }
}
