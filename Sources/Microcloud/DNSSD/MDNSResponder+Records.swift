import Basics

// What our records say on an interface, and which of them a question asks for.
extension MDNSResponder {
  /// The addresses of a host that are the same everywhere; none of one that has those of the interface.
  func addresses(of entry: MDNSPublished) -> [IPAddress] {
    if case .host(let addresses?) = entry.publication.content { addresses } else { [] }
  }

  /// A host's addresses on one interface.
  func addresses(of entry: MDNSPublished, on place: Int) -> [IPAddress] {
    switch entry.publication.content {
    case .host(nil): presences[place].interface.addresses.map { $0.address }
    case .host(let addresses?): addresses
    case .service: []
    }
  }

  /// All records of a publication but the negative one: what is announced.
  func records(of publication: UInt32, on place: Int) -> [OwnRecord] {
    guard let entry = find(publication) else { return [] }
    let kinds: [OwnRecord.Kind]
    switch entry.publication.content {
    case .host: kinds = addresses(of: entry, on: place).indices.map { .address(UInt8($0)) }
    case .service: kinds = [.pointer, .service, .text] + (isFirst(entry, on: place) ? [.type] : [])
    }
    return kinds.map { OwnRecord(publication: publication, kind: $0) }
  }

  /// Whether a service is the first announced one of its type: the type is listed once.
  private func isFirst(_ entry: MDNSPublished, on place: Int) -> Bool {
    for other in published where other.host != nil && other.type == entry.type {
      if other.id == entry.id { return true }
      if isAnnounced(other.id, on: place) { return false }
    }
    return true
  }

  func isAnnounced(_ publication: UInt32, on place: Int) -> Bool {
    presences[place].claim(publication).map { !$0.isProbing } ?? false
  }

  /// What a record says now; nil if there is no such record any more.
  func resolve(_ record: OwnRecord, on place: Int) -> DNSRecord? {
    guard let entry = find(record.publication) else { return nil }
    func make(_ name: DNSName, _ data: DNSRecordData) -> DNSRecord {
      DNSRecord(name, data, ttlSeconds: record.ttlSeconds, isUnique: record.isUnique)
    }
    switch (record.kind, entry.publication.content) {
    case (.address(let index), .host):
      let addresses = addresses(of: entry, on: place)
      return Int(index) < addresses.count ? make(entry.name, .address(addresses[Int(index)])) : nil
    case (.negative, .host):
      let families = addresses(of: entry, on: place).map { IPFamily($0) }
      let types: [DNSType] = (families.contains(.v4) ? [.a] : []) + (families.contains(.v6) ? [.aaaa] : [])
      return DNSRecord.only(types, at: entry.name, ttlSeconds: record.ttlSeconds)
    case (.negative, .service): return DNSRecord.only([.txt, .srv], at: entry.name, ttlSeconds: record.ttlSeconds)
    case (.pointer, .service): return make(entry.type, .pointer(entry.name))
    case (.type, .service): return make(.serviceTypes, .pointer(entry.type))
    case (.text, .service(_, _, let text)): return make(entry.name, .text(text))
    case (.service, .service(let host, let port, _)):
      guard let host = find(host) else { return nil }
      return make(entry.name, .service(priority: 0, weight: 0, port: port, host: host.name))
    default: return nil
    }
  }

  /// The records that a question asks for, of all that we have announced. Where a name is ours and the type is not there,
  /// the answer is that (RFC 6762 section 6.1).
  func answers(to question: DNSQuestion, on place: Int) -> [OwnRecord] {
    guard question.questionClass == .internet || question.questionClass == .any else { return [] }
    let asksTypes = question.name == .serviceTypes
    var answers: [OwnRecord] = []
    for entry in published where isAnnounced(entry.id, on: place) {
      if entry.name == question.name {
        let owned = records(of: entry.id, on: place).filter { record in
          record.isUnique && resolve(record, on: place).map { question.asks(for: $0.type, of: $0.name) } ?? false
        }
        answers += owned.isEmpty ? [OwnRecord(publication: entry.id, kind: .negative)] : owned
      } else if entry.host != nil, question.type == .ptr || question.type == .any {
        if question.name == entry.type { answers.append(OwnRecord(publication: entry.id, kind: .pointer)) }
        if asksTypes, isFirst(entry, on: place) { answers.append(OwnRecord(publication: entry.id, kind: .type)) }
      }
    }
    return answers
  }

  /// What the asker will want to know next (RFC 6763 section 12, RFC 6762 section 6.1).
  func additionals(to answers: [OwnRecord], on place: Int) -> [OwnRecord] {
    var additionals: [OwnRecord] = []
    func add(_ record: OwnRecord) {
      if !answers.contains(record), !additionals.contains(record) { additionals.append(record) }
    }
    for answer in answers {
      guard let entry = find(answer.publication) else { continue }
      if answer.kind == .pointer {
        add(OwnRecord(publication: entry.id, kind: .service))
        add(OwnRecord(publication: entry.id, kind: .text))
      }
      let reachesHost = answer.kind == .pointer || answer.kind == .service
      let host: UInt32? = entry.publication.isHost ? entry.id : reachesHost ? entry.host : nil
      guard let host, isAnnounced(host, on: place), let hostEntry = find(host) else { continue }
      for record in records(of: host, on: place) { add(record) }
      let families = addresses(of: hostEntry, on: place).map { IPFamily($0) }
      if !families.contains(.v4) || !families.contains(.v6) { add(OwnRecord(publication: host, kind: .negative)) }
    }
    return additionals
  }

  /// The record of ours, on whatever interface, that says the same as one that came.
  func ours(like record: DNSRecord) -> (publication: UInt32, ttlSeconds: UInt32)? {
    for entry in published {
      if entry.name == record.name {
        for place in presences.indices {
          for own in records(of: entry.id, on: place) where own.isUnique {
            guard let data = resolve(own, on: place), record.says(data.data, of: data.name) else { continue }
            return (entry.id, data.ttlSeconds)
          }
        }
      } else if entry.host != nil, case .pointer(let target) = record.data {
        let isOurs =
          target == entry.name && record.name == entry.type || target == entry.type && record.name == .serviceTypes
        if isOurs { return (entry.id, MDNS.otherTTLSeconds) }
      }
    }
    return nil
  }
}
