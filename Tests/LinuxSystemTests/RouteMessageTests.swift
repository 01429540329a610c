import Basics
import TestSupport
import Testing

@testable import LinuxSystem

/// The bytes of annotated hexadecimal: what stands behind a `;` is for people.
private func bytes(_ text: String) -> [UInt8] {
  let digits = text.split(separator: "\n").map { $0.split(separator: ";", omittingEmptySubsequences: false)[0] }
  let words = digits.joined(separator: " ").split(separator: " ").joined()
  return stride(from: 0, to: words.count, by: 2).map { place in
    let start = words.index(words.startIndex, offsetBy: place)
    return UInt8(words[start..<words.index(start, offsetBy: 2)], radix: 16)!
  }
}

// As Linux 6.18 sent them, the links without most of their attributes.
private let loopback = bytes(
  """
  30000000 1000 0200 07000000 a35f0000            ; length, RTM_NEWLINK, NLM_F_MULTI, sequence 7, port
  00 00 0403 01000000 49000100 00000000           ; no family, type, index 1, up loopback running, no change
  0700 0300 6c6f00 00                             ; IFLA_IFNAME "lo", padded
  0800 0d00 e8030000                              ; IFLA_TXQLEN
  """)
private let ethernet = bytes(
  """
  2c000000 1000 0200 07000000 a35f0000
  00 00 0100 02000000 43100100 00000000           ; index 2, up broadcast running multicast
  0a00 0300 766574683100 0000                     ; "veth1"
  """)
private let loopbackAddress = bytes(
  """
  4c000000 1400 0200 08000000 a35f0000            ; RTM_NEWADDR
  02 08 80 fe 01000000                            ; IPv4, /8, permanent, host, interface 1
  0800 0100 7f000001                              ; IFA_ADDRESS
  0800 0200 7f000001                              ; IFA_LOCAL
  0700 0300 6c6f00 00                             ; IFA_LABEL
  0800 0800 80000000                              ; IFA_FLAGS
  1400 0600 ffffffffffffffffea760100ea760100      ; IFA_CACHEINFO
  """)
private let peerAddress = bytes(
  """
  34000000 1400 0200 08000000 a35f0000
  02 20 80 00 02000000                            ; /32, global, interface 2
  0800 0100 0a000002                              ; the peer's
  0800 0200 0a000001                              ; ours
  0a00 0300 766574683100 0000
  """)
private let linkLocal = bytes(
  """
  48000000 1400 0200 08000000 a35f0000
  0a 40 c0 fd 02000000                            ; IPv6, /64, permanent tentative, link, interface 2
  1400 0100 fe800000000000007ccce3fffeaaed0f
  1400 0600 ffffffffffffffffed760100ed760100
  0800 0800 c0000000
  """)

private func done(_ sequence: UInt8, flags: UInt8 = 2) -> [UInt8] {
  bytes("14000000 0300") + [flags, 0, sequence, 0, 0, 0] + bytes("a35f0000 00000000")
}

private let loopbackLink = RouteMessage.link(index: 1, name: "lo", flags: [.up, .loopback, .running, .lowerUp])
private let local = NetworkInterface.Address(
  address: .loopbackV4, prefixBits: 8, scope: .host, flags: .init(rawValue: 0x80))
private let peer = NetworkInterface.Address(
  address: .v4(0x0A00_0001), prefixBits: 32, scope: .global, flags: .init(rawValue: 0x80))
private let tentative = NetworkInterface.Address(
  address: .v6(high: 0xFE80 << 48, low: 0x7CCC_E3FF_FEAA_ED0F), prefixBits: 64, scope: .link,
  flags: [.tentative, .init(rawValue: 0x80)])

extension NetworkInterface.Flags {
  fileprivate static let broadcast = Self(rawValue: 2)
  fileprivate static let lowerUp = Self(rawValue: 1 << 16)
}

@Suite struct RouteMessageTests {
  @Test func readsLinksAndAddresses() {
    let all = loopback + ethernet + loopbackAddress + peerAddress + linkLocal + done(8)
    #expect(
      RouteMessage.decode(all[...]) == [
        loopbackLink, .link(index: 2, name: "veth1", flags: [.up, .broadcast, .running, .multicast, .lowerUp]),
        .address(local, interface: 1), .address(peer, interface: 2), .address(tentative, interface: 2),
        .done(sequence: 8, isWhole: true),
      ])
    #expect(peer.isUsable && !tentative.isUsable)
  }

  @Test func readsWhatGoes() {
    var (link, address) = (loopback, peerAddress)
    link[4] = 17
    address[4] = 21
    #expect(
      RouteMessage.decode((link + address)[...])
        == [.linkGone(index: 1), .addressGone(.v4(0x0A00_0001), interface: 2)])
  }

  @Test func aBridgesPortIsNoLink() {
    var port = loopback
    port[16] = 7  // AF_BRIDGE
    var leaving = port
    leaving[4] = 17
    #expect(RouteMessage.decode((port + leaving)[...]) == [])
  }

  @Test func tellsWhenAnAnswerIsNotWhole() {
    #expect(RouteMessage.decode(done(3, flags: 0x12)[...]) == [.done(sequence: 3, isWhole: false)])
    let error = bytes("24000000 0200 0000 03000000 a35f0000 f0ffffff 14000000 12000103 03000000 00000000")
    #expect(RouteMessage.decode(error[...]) == [.done(sequence: 3, isWhole: true)])
  }

  @Test func takesOnlyWhatIsThere() {
    let all = loopback + loopbackAddress
    for count in 0..<all.count {
      let messages = RouteMessage.decode(all.prefix(count))
      #expect(messages == (count < loopback.count ? [] : [loopbackLink]))
    }
    // Lengths that lie: of the message, of its attributes, of the prefix.
    for (place, value) in [(0, 0x0F), (1, 0x01), (32, 0x03), (32, 0x40), (33, 0xFF)] as [(Int, UInt8)] {
      var liar = loopback
      liar[place] = value
      #expect(RouteMessage.decode(liar[...]) == [])
    }
    var wide = loopbackAddress
    wide[17] = 33
    #expect(RouteMessage.decode(wide[...]) == [])
  }

  @Test func neverTrapsOnNoise() {
    var random = SeededGenerator(seed: 7)
    for _ in 0..<20_000 {
      var noise = loopback + peerAddress + linkLocal
      for _ in 0..<4 { noise[Int(random.below(UInt64(noise.count)))] = UInt8(truncatingIfNeeded: random.next()) }
      _ = RouteMessage.decode(noise[...])
    }
  }
}

@Suite struct InterfaceTableTests {
  private static let links = bytes("14000000 1200 0103 01000000 00000000 00000000")
  private static let addresses = bytes("14000000 1600 0103 02000000 00000000 00000000")

  /// A table that has been told everything.
  private func told() -> InterfaceTable {
    var table = InterfaceTable()
    #expect(table.begin() == Self.links)
    #expect(table.receive((ethernet + loopback)[...]) == nil)
    #expect(table.receive(done(1)[...]) == Self.addresses)
    #expect(table.interfaces == [])
    #expect(table.receive((loopbackAddress + peerAddress + linkLocal + done(2))[...]) == nil)
    return table
  }

  @Test func asksForLinksAndThenForAddresses() {
    let interfaces = told().interfaces
    #expect(interfaces.map(\.name) == ["lo", "veth1"])
    #expect(interfaces[0].addresses == [local])
    #expect(interfaces[1].addresses == [peer, tentative])
  }

  @Test func followsChanges() {
    var table = told()
    var ready = linkLocal
    ready[ready.count - 4] = 0x80
    #expect(table.receive(ready[...]) == nil)
    #expect(table.interfaces[1].addresses.map(\.isUsable) == [true, true])
    var gone = peerAddress
    gone[4] = 21
    #expect(table.receive(gone[...]) == nil)
    #expect(table.interfaces[1].addresses.map(\.address) == [tentative.address])
    var removed = ethernet
    removed[4] = 17
    #expect(table.receive(removed[...]) == nil)
    #expect(table.interfaces.map(\.name) == ["lo"])
  }

  @Test func keepsWhatItKnewWhileAllIsToldAnew() {
    var table = told()
    let before = table.interfaces
    #expect(table.begin()[8] == 3)
    #expect(table.receive((loopback + done(2))[...]) == nil)
    #expect(table.interfaces == before)
    #expect(table.receive(done(3)[...])?[8] == 4)
    #expect(table.receive(done(4, flags: 0x12)[...])?[8] == 5)
    #expect(table.receive((loopback + done(5))[...])?[8] == 6)
    #expect(table.receive(done(6)[...]) == nil)
    #expect(table.interfaces.map(\.name) == ["lo"])
    #expect(table.interfaces[0].addresses == [])
  }

  @Test func keepsNoMoreThanItsLimits() {
    var table = told()
    for number in 0..<UInt8.max {
      var address = peerAddress
      address[39] = number
      var link = ethernet
      link[20] = number
      for high: UInt8 in 1...3 {
        link[21] = high
        address[38] = high
        #expect(table.receive((link + address)[...]) == nil)
      }
    }
    #expect(table.interfaces.count == InterfaceTable.maximumInterfaces)
    #expect(table.interfaces.map(\.addresses.count).max() == InterfaceTable.maximumAddresses)
  }
}
