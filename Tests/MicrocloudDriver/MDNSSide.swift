import Basics
import EventLoop
import LinuxSystem
import Microcloud
import Transport

/// The driver's multicast DNS, on all interfaces but the loopback. Its commands:
///
///   host ID NAME    service ID HOST-ID TYPE PORT LABEL [TEXT...]    withdraw ID    goodbye
///   browse TYPE     services     name ID
final class MDNSSide {
  private let transport: MulticastDNSTransport
  private var watcher: InterfaceWatcher?

  init(on loop: EventLoop, without prefix: String?) throws(SystemError) {
    var random = SystemRandomNumberGenerator()
    transport = try MulticastDNSTransport(on: loop, seed: random.next())
    transport.onNews = { [unowned(unsafe) self] in tell($0) }
    let isIncluded = { (interface: NetworkInterface) in
      !interface.flags.contains(.loopback) && prefix.map { interface.name.hasPrefix($0) } != true
    }
    watcher = try InterfaceWatcher(on: loop, isIncluded: isIncluded) { [unowned(unsafe) self] in change($0) }
  }

  private func change(_ interfaces: [NetworkInterface]) {
    transport.setInterfaces(interfaces)
    let list = interfaces.map { interface in
      CBORValue.text(([interface.name] + interface.addresses.map { "\($0.address)" }).joined(separator: " "))
    }
    say("interfaces", [("interfaces", .array(list))])
  }

  func obey(_ verb: String, _ words: [String]) -> Bool {
    do throws(DNSError) {
      switch (verb, words.count) {
      case ("host", 2): publish(try .host(id: try number(words[0]), name: try DNSName(words[1])))
      case ("service", 5...): publish(try service(words))
      case ("withdraw", 1):
        let id: UInt32 = try number(words[0])
        transport.perform { $0.withdraw(id, now: $1) }
      case ("goodbye", 0): transport.perform { $0.withdrawAll(now: $1) }
      case ("browse", 1):
        let type = try DNSName(words[0])
        transport.perform { $0.browse(type, now: $1) }
      case ("services", 0): say("services", [("services", .array(transport.state.services.map { describe($0) }))])
      case ("name", 1):
        let name = transport.state.name(of: try number(words[0]))
        say("name", [("name", name.map { .text("\($0)") } ?? .null)])
      default: return false
      }
    } catch {
      complain("\(error)")
    }
    return true
  }

  private func service(_ words: [String]) throws(DNSError) -> MDNSPublication {
    let text = words.count > 5 ? try DNSText(Array(words[5...])) : .empty
    return try .service(
      id: try number(words[0]), label: words[4], type: try DNSName(words[2]), host: try number(words[1]),
      port: try number(words[3]), text: text)
  }

  private func publish(_ publication: MDNSPublication) {
    transport.perform { $0.publish(publication, now: $1) }
  }

  private func number<Number: FixedWidthInteger>(_ word: String) throws(DNSError) -> Number {
    guard let number = Decimal.parse(word).flatMap({ Number(exactly: $0) }) else { throw .badEscape }
    return number
  }

  private func tell(_ news: MDNSEffect) {
    switch news {
    case .found(let service): say("found", [("service", describe(service))])
    case .changed(let service): say("changed", [("service", describe(service))])
    case .lost(let name, let interface):
      say("lost", [("name", .text("\(name)")), ("interface", .unsigned(UInt64(interface)))])
    case .renamed(let publication, let name):
      say("renamed", [("id", .unsigned(UInt64(publication))), ("name", .text("\(name)"))])
    case .send: break
    }
  }

  private func describe(_ service: DiscoveredService) -> CBORValue {
    var map = CBORMap()
    map[text: "name"] = .text("\(service.name)")
    map[text: "interface"] = .unsigned(UInt64(service.interface))
    map[text: "host"] = .text("\(service.host)")
    map[text: "addresses"] = .array(service.addresses.map { .text("\($0)") })
    map[text: "text"] = .array(service.text.strings.map { .text(ASCII.string($0)) })
    return .map(map)
  }
}
