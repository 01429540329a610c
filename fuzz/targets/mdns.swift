// sources: Sources/Microcloud/DNSSD Sources/Basics
// A node that publishes and browses on two interfaces, under any packets at any times. The input is a row of steps: a byte
// that says what happens, one that says how much time passes before, and for a packet two bytes of length and the packet.
// Whatever happens, memory is bounded, what is sent can be read, and no deadline stays in the past.

import Basics

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzMDNS(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var story = Story(rest: Array(UnsafeBufferPointer(start: start, count: count))[...])
  story.begin()
  while story.step() {}
  return 0
}

private struct Story {
  var rest: ArraySlice<UInt8>
  var node = MulticastDNS(seed: 1)
  var now = Instant(nanoseconds: 0)
  var found: [String] = []
  let type = DNSName.microagentType

  mutating func begin() {
    setInterface(1, .v4(0x0A00_0001))
    publish(text: .empty)
    perform(node.browse(type, now: now))
    pass(milliseconds: 3000)
  }

  private mutating func setInterface(_ index: UInt32, _ address: IPAddress) {
    let addresses = [
      InterfaceAddress(address, prefixBits: 24),
      InterfaceAddress(.v6(high: 0xFE80_0000_0000_0000, low: UInt64(index)), prefixBits: 64),
    ]
    perform(node.setInterface(index, addresses: addresses, now: now))
  }

  private mutating func publish(text: DNSText) {
    do throws(DNSError) {
      perform(node.publish(try .host(id: 1, name: DNSName("node.local")), now: now))
      perform(
        node.publish(
          try .service(id: 2, label: "eins", type: type, host: 1, port: 5683, text: text), now: now))
    } catch {
      preconditionFailure("what is right cannot be published")
    }
  }

  mutating func step() -> Bool {
    guard let kind = rest.popFirst(), let time = rest.popFirst() else { return false }
    // Up to 250 ms in steps of a few, or up to four hours in steps of minutes.
    pass(milliseconds: time < 128 ? UInt64(time) * 2 : UInt64(time - 127) * 112_500)
    switch kind & 0x0F {
    case 0: setInterface(2, .v4(0x0A01_0000 + UInt32(kind >> 4)))
    case 1: perform(node.removeInterface(UInt32(kind >> 4) & 1 + 1, now: now))
    case 2: perform(node.withdraw(2, now: now))
    case 3: publish(text: DNSText(wire: [1, kind]))
    case 4: perform(node.browse(type, now: now))
    case 5:
      node.stopBrowsing(type)
      found = []
    case 6: setInterface(1, .v4(0x0A00_0001 + UInt32(kind >> 4)))
    case 7: perform(node.withdrawAll(now: now))
    default: receive(kind)
    }
    check()
    return true
  }

  private mutating func receive(_ kind: UInt8) {
    guard let high = rest.popFirst(), let low = rest.popFirst() else { return }
    let packet = Array(rest.prefix(Int(high) << 8 | Int(low)))
    rest = rest.dropFirst(packet.count)
    let interface = UInt32(kind >> 7) + 1
    let host = UInt32(kind >> 5 & 3)
    let address: IPAddress =
      kind & 0x10 != 0 ? .v6(high: 0xFE80_0000_0000_0000, low: UInt64(host)) : .v4(0x0A00_0001 + host)
    let source = SocketAddress(address, port: kind & 1 != 0 ? 5353 : 4000)
    do throws(DNSError) {
      perform(
        try node.receive(packet, from: source, interface: interface, isMulticast: kind & 2 != 0, now: now))
    } catch {
      precondition(!error.description.isEmpty)
    }
  }

  /// Lets time pass, in as many ticks as are due, of which there must not be too many.
  private mutating func pass(milliseconds: UInt64) {
    let end = now.advanced(milliseconds: milliseconds)
    var ticks: UInt64 = 0
    while let next = node.nextDeadline, next <= end {
      now = max(now, next)
      perform(node.tick(now: now))
      if let later = node.nextDeadline { precondition(later > now, "what was due is still due") }
      ticks += 1
      precondition(ticks < 1000 + milliseconds, "the node does not rest")
    }
    now = end
  }

  private mutating func perform(_ effects: [MDNSEffect]) {
    for effect in effects {
      switch effect {
      case .send(let bytes, let interface, let destination):
        precondition(bytes.count <= MDNS.maximumSentBytes && destination.port != 0 && interface != 0)
        do throws(DNSError) {
          let message = try DNSDecoder.decode(bytes)
          precondition(message.questions.count + message.answers.count > 0, "an empty packet")
        } catch {
          preconditionFailure("what is sent cannot be read")
        }
      case .found(let service):
        precondition(!service.addresses.isEmpty && service.name.isChild(of: type))
        precondition(!found.contains(key(service.name, service.interface)), "found twice")
        found.append(key(service.name, service.interface))
      case .changed(let service):
        precondition(found.contains(key(service.name, service.interface)), "changed, but not found")
      case .lost(let name, let interface):
        let index = found.firstIndex(of: key(name, interface))
        precondition(index != nil, "lost, but not found")
        if let index { found.remove(at: index) }
      case .renamed(let publication, let name):
        precondition(node.name(of: publication) != nil && name.byteCount <= DNSName.maximumBytes)
      }
    }
  }

  /// A name and its interface, whatever case the name comes in.
  private func key(_ name: DNSName, _ interface: UInt32) -> String {
    String(decoding: name.wire.map { $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }, as: UTF8.self) + " \(interface)"
  }

  private func check() {
    let cache = node.browser.cache
    precondition(cache.entries.count <= MDNSCache.maximumRecords)
    precondition(cache.entries.reduce(0) { $0 + $1.data.uncompressed.count } <= MDNSCache.maximumBytes)
    precondition(node.browser.instances.count <= cache.entries.count, "an instance that nothing points to")
    precondition(node.services.count == found.count, "what is told and what is there differ")
  }
}
