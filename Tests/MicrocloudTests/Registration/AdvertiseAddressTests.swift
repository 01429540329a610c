import Basics
import Testing

@testable import Microcloud

private func v4(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) -> IPAddress {
  IPAddress(networkBytes: [a, b, c, d])!
}

private func candidate(
  _ address: IPAddress, _ name: String = "eth0", _ index: UInt32 = 2,
  _ flags: AdvertiseCandidate.Flags = [.isRunning]
) -> AdvertiseCandidate {
  AdvertiseCandidate(address, interface: index, named: name, flags: flags)
}

private func choose(
  _ candidates: [AdvertiseCandidate], _ family: IPFamily = .v4, configured: IPAddress? = nil,
  current: IPAddress? = nil, isConfirmed: Bool = false
) -> IPAddress? {
  AdvertiseAddress.choose(
    among: candidates, family: family, configured: configured, current: current, isConfirmed: isConfirmed)
}

struct AdvertiseAddressTests {
  private let lan = candidate(v4(10, 139, 40, 7))

  @Test func neverTakesWhatNobodyCanReach() {
    let useless = [
      candidate(.loopbackV4, "lo", 1), candidate(v4(224, 0, 0, 251)),
      candidate(.anyV4), candidate(v4(255, 255, 255, 255)), candidate(v4(10, 0, 0, 9), "eth1", 3, []),
      candidate(v4(172, 17, 0, 1), "docker0", 4), candidate(v4(172, 18, 0, 1), "br-0123456789ab", 5),
      candidate(v4(10, 0, 3, 1), "lxcbr0", 6), candidate(v4(10, 9, 9, 1), "veth12ab", 7),
      candidate(v4(192, 168, 122, 1), "virbr0", 8),
    ]
    #expect(choose(useless) == nil)
    for position in 0...useless.count {
      #expect(choose(Array(useless[..<position]) + [lan] + useless[position...]) == lan.address)
    }
    let useless6: [IPAddress] = [
      .anyV6, .loopbackV6, .v6(high: 0xFE80 << 48, low: 1), .v6(high: 0xFF02 << 48, low: 0xFB),
      .v6(high: 0, low: 0xFFFF_0A00_0001), .v6(high: 0xFEBF << 48, low: 1),
    ]
    #expect(choose(useless6.map { candidate($0) } + [lan], .v6) == nil)
  }

  /// A router's own bridge is where its neighbours are.
  @Test func aRoutersBridgeIsNoContainersBridge() {
    #expect(choose([candidate(v4(192, 168, 1, 1), "br-lan")]) == v4(192, 168, 1, 1))
    #expect(choose([candidate(v4(192, 168, 1, 1), "br-0123456789aZ")]) == v4(192, 168, 1, 1))
  }

  @Test func prefersWhereContactsAre() {
    let wan = candidate(v4(84, 88, 1, 2), "eth0", 2, [.isRunning, .hasDefaultRoute])
    let mesh = candidate(v4(10, 139, 40, 7), "wlan0", 3, [.isRunning, .reachesContacts])
    let other = candidate(v4(192, 168, 1, 4), "eth1", 1)
    let tunnel = candidate(v4(10, 8, 0, 2), "tun0", 1, [.isRunning, .isPointToPoint])
    #expect(choose([other, wan, mesh, tunnel]) == mesh.address)
    #expect(choose([other, wan, tunnel]) == wan.address)
    #expect(choose([tunnel, other]) == other.address)
    #expect(choose([tunnel]) == tunnel.address)
  }

  @Test func prefersWhatLasts() {
    let global = IPAddress.v6(high: 0x2001_0DB8_0000_0000, low: 1)
    let temporary = IPAddress.v6(high: 0x2001_0DB8_0000_0000, low: 0)
    let candidates = [
      candidate(temporary, "eth0", 2, [.isRunning, .isTemporary]), candidate(global), lan,
    ]
    #expect(choose(candidates, .v6) == global)
    #expect(choose(candidates.reversed(), .v6) == global)
    #expect(choose(candidates, .v4) == lan.address)
  }

  /// RFC 3927 section 1.9: it does on a cable where nobody gives addresses, and gives way to any other.
  @Test func oneOfTheLinkAloneIsTheLast() {
    let ofTheLink = candidate(v4(169, 254, 3, 4), "eth0", 2, [.isRunning, .reachesContacts, .hasDefaultRoute])
    let tunnel = candidate(v4(10, 8, 0, 2), "tun0", 9, [.isRunning, .isPointToPoint, .isTemporary])
    #expect(choose([ofTheLink]) == ofTheLink.address)
    #expect(choose([ofTheLink, tunnel]) == tunnel.address)
    #expect(choose([ofTheLink, tunnel], current: ofTheLink.address, isConfirmed: true) == tunnel.address)
    #expect(choose([ofTheLink], current: ofTheLink.address, isConfirmed: true) == ofTheLink.address)
  }

  @Test func aConfiguredOneIsTakenAsItIs() {
    #expect(choose([lan], configured: v4(84, 88, 1, 2)) == v4(84, 88, 1, 2))
    #expect(choose([], configured: v4(84, 88, 1, 2)) == v4(84, 88, 1, 2))
  }

  @Test func staysWithOneThatWorks() {
    let better = candidate(v4(10, 0, 0, 1), "eth1", 1, [.isRunning, .hasDefaultRoute])
    let equal = candidate(v4(10, 0, 0, 1), "eth1", 1)
    #expect(choose([lan, better], current: lan.address, isConfirmed: true) == lan.address)
    #expect(choose([lan, better], current: lan.address) == better.address)
    #expect(choose([lan, equal], current: lan.address) == lan.address)
    #expect(choose([equal], current: lan.address, isConfirmed: true) == equal.address)
  }
}
