import Basics

@testable import Microcloud

let einsInstance = "eins._microagent._udp.local"

/// A machine that has published `node.local` and the service `eins`, long ago.
func establishedWorld(seed: UInt64 = 1, addresses: [IPAddress]? = nil, text: [String] = []) throws -> DNSSDWorld {
  var world = DNSSDWorld(seed: seed)
  let machine = world.add(addresses)
  try world.publish(machine, host: "node.local", label: "eins", text: text)
  world.run(milliseconds: 10_000)
  return world
}

func dnsQuery(_ questions: DNSQuestion..., known: [DNSRecord] = []) -> DNSMessage {
  DNSMessage(questions: questions, answers: known)
}

func addressRecord(_ name: String, _ number: UInt32, ttlSeconds: UInt32 = 120) throws -> DNSRecord {
  DNSRecord(try DNSName(name), .address(.v4(number)), ttlSeconds: ttlSeconds, isUnique: true)
}

func pointerRecord(ttlSeconds: UInt32) throws -> DNSRecord {
  DNSRecord(.microagentType, .pointer(try DNSName(einsInstance)), ttlSeconds: ttlSeconds, isUnique: false)
}

/// A service as a neighbour publishes it.
struct Neighbour {
  var label = "eins"
  var host = "node.local"
  var port: UInt16 = 5683
  var text = DNSText.empty
  var addresses: [IPAddress] = [.v4(0x0A00_00C8)]

  var name: DNSName { try! DNSName(label, in: .microagentType) }

  var pointer: DNSRecord {
    DNSRecord(.microagentType, .pointer(name), ttlSeconds: 4500, isUnique: false)
  }

  var service: DNSRecord {
    DNSRecord(
      name, .service(priority: 0, weight: 0, port: port, host: try! DNSName(host)), ttlSeconds: 120, isUnique: true)
  }

  var textRecord: DNSRecord {
    DNSRecord(name, .text(text), ttlSeconds: 4500, isUnique: true)
  }

  var addressRecords: [DNSRecord] {
    addresses.map { DNSRecord(try! DNSName(host), .address($0), ttlSeconds: 120, isUnique: true) }
  }

  var records: [DNSRecord] { [pointer, service, textRecord] + addressRecords }

  func found(_ addresses: [SocketAddress]) -> DiscoveredService {
    DiscoveredService(
      name: name, interface: DNSSDWorld.interface, host: try! DNSName(host), addresses: addresses, text: text)
  }
}

func dnsResponse(_ records: [DNSRecord]) -> DNSMessage {
  DNSMessage(flags: .response, answers: records)
}

func goodbye(_ record: DNSRecord) -> DNSRecord {
  var record = record
  record.ttlSeconds = 0
  return record
}

/// A machine that looks for agents.
func browsingWorld(seed: UInt64 = 1) -> DNSSDWorld {
  var world = DNSSDWorld(seed: seed)
  let machine = world.add()
  world.with(machine) { node, now in node.browse(.microagentType, now: now) }
  return world
}

let einsAddress = SocketAddress(.v4(0x0A00_00C8), port: 5683)
