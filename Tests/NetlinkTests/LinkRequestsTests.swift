import Basics
import TestSupport
import Testing

@testable import Netlink

/// Numbers and names as linux/rtnetlink.h, if_link.h, if_addr.h and neighbour.h have them.
@Suite struct LinkRequestsTests {
  private func requests(_ add: (inout LinkRequests) -> Void) -> [UInt8] {
    var requests = LinkRequests()
    add(&requests)
    return requests.bytes
  }

  @Test func makesABridgeAndLabelsIt() {
    let made = requests {
      $0.addBridge("br", hardware: [2, 0x4D, 0x41, 0xFF, 0, 0])
      $0.label("br", "mine")
    }
    #expect(
      Array(made.prefix(Int(made[0])))
        == bytes(
          """
          44000000 1000 0506 00000000 00000000            ; RTM_NEWLINK: request, acknowledge, exclusive, create
            00000000 00000000 00000000 00000000           ; ifinfomsg: of no family, no index, no flags
            0700 0300 627200 00                           ; IFLA_IFNAME "br"
            0a00 0100 024d41ff0000 0000                   ; IFLA_ADDRESS
            1000 1280 0b00 0100 62726964676500 00         ; IFLA_LINKINFO: IFLA_INFO_KIND "bridge"
          """))
    let label = Array(made.dropFirst(Int(made[0])))
    #expect(
      label
        == bytes(
          """
          34000000 1000 0500 01000000 00000000            ; RTM_NEWLINK of a link that is there, the second request
            00000000 00000000 00000000 00000000
            0700 0300 627200 00
            0900 1400 6d696e6500 000000                   ; IFLA_IFALIAS "mine"
          """))
  }

  @Test func makesAPairAcrossNamespaces() {
    let made = requests {
      $0.addPair(
        "veth0002-000001", bridge: 2, peer: "eth0", hardware: [2, 0x4D, 0x41, 0, 0, 2], namespaceOf: 0x1234)
    }
    #expect(
      made
        == bytes(
          """
          84000000 1000 0506 00000000 00000000
            00000000 00000000 00000000 00000000
            1400 0300 76657468303030322d30303030303100    ; IFLA_IFNAME, 15 letters and a zero
            0800 0a00 02000000                            ; IFLA_MASTER: the bridge
            4800 1280                                     ; IFLA_LINKINFO
              0900 0100 7665746800 000000                 ; IFLA_INFO_KIND "veth"
              3800 0280 3400 0180                         ; IFLA_INFO_DATA: VETH_INFO_PEER
                00000000 00000000 00000000 00000000
                0900 0300 6574683000 000000               ; "eth0"
                0a00 0100 024d41000002 0000
                0800 1300 34120000                        ; IFLA_NET_NS_PID
          """))
  }

  @Test func setsPortsAndLinks() {
    let made = requests {
      $0.isolate(port: "v")
      $0.giveNoAddress(to: "v")
      $0.setUp("v")
      $0.delete("v")
    }
    #expect(
      made
        == bytes(
          """
          44000000 1000 0500 00000000 00000000
            00000000 00000000 00000000 00000000
            0600 0300 7600 0000
            1c00 1280 0b00 0400 62726964676500 00         ; IFLA_INFO_SLAVE_KIND "bridge"
              0c00 0580 0500 2100 01 000000               ; IFLA_INFO_SLAVE_DATA: IFLA_BRPORT_ISOLATED
          38000000 1000 0500 01000000 00000000
            00000000 00000000 00000000 00000000
            0600 0300 7600 0000
            1000 1a80 0c00 0a80 0500 0800 01 000000       ; IFLA_AF_SPEC: AF_INET6: IFLA_INET6_ADDR_GEN_MODE: none
          28000000 1000 0500 02000000 00000000
            00000000 00000000 01000000 01000000           ; IFF_UP, and that is meant
            0600 0300 7600 0000
          28000000 1100 0500 03000000 00000000            ; RTM_DELLINK
            00000000 00000000 00000000 00000000
            0600 0300 7600 0000
          """))
  }

  @Test func givesAddressesRoutesAndNeighbours() {
    let made = requests {
      $0.add(.v4(0x0A00_0002), prefixBits: 32, to: 7)
      $0.addDefaultRoute(by: .v4(0x0A00_0001), on: 7)
      $0.add(neighbour: .v4(0x0A00_0002), hardware: [2, 0, 0, 0, 0, 2], on: 3)
      $0.delete(neighbour: .v4(0x0A00_0002), on: 3)
    }
    #expect(
      made
        == bytes(
          """
          28000000 1400 0506 00000000 00000000            ; RTM_NEWADDR
            02 20 00 00 07000000                          ; AF_INET, 32 bits, no flags, everywhere; the link's index
            0800 0200 0a000002 0800 0100 0a000002         ; IFA_LOCAL, IFA_ADDRESS
          2c000000 1800 0506 01000000 00000000            ; RTM_NEWROUTE
            02 00 00 00 fe 04 00 01 04000000              ; AF_INET, /0; main, static, everywhere, unicast; RTNH_F_ONLINK
            0800 0500 0a000001 0800 0400 07000000         ; RTA_GATEWAY, RTA_OIF
          30000000 1c00 0505 02000000 00000000            ; RTM_NEWNEIGH: replace, create
            02 000000 03000000 8000 00 00                 ; AF_INET, the link's index, NUD_PERMANENT
            0800 0100 0a000002 0a00 0200 020000000002 0000 ; NDA_DST, NDA_LLADDR
          24000000 1d00 0500 03000000 00000000            ; RTM_DELNEIGH
            02 000000 03000000 0000 00 00
            0800 0100 0a000002
          """))
    var requests = LinkRequests()
    requests.add(.v6(high: 0xFD77 << 48, low: 2), prefixBits: 128, to: 7)
    // AF_INET6, and nobody is asked whether it is free (IFA_F_NODAD).
    #expect(Array(requests.bytes[16..<24]) == [10, 128, 2, 0, 7, 0, 0, 0])
    #expect(requests.subject(0) == "give it fd77::2" && requests.subject(1) == "a request" && requests.count == 1)
  }

  @Test func limitsWhatLeaves() {
    let made = requests { $0.limit("v", index: 3, bitsPerSecond: 8_000_000) }
    #expect(
      made
        == bytes(
          """
          60000000 2400 0505 00000000 00000000            ; RTM_NEWQDISC: replace, create
            00000000 03000000 00000000 ffffffff 00000000  ; tcmsg: the link's index, TC_H_ROOT
            0800 0100 74626600                            ; TCA_KIND "tbf"
            3400 0280                                     ; TCA_OPTIONS
              2800 0100                                   ; TCA_TBF_PARMS
                00 01 0000 0000 0000 40420f00             ; TC_LINKLAYER_ETHERNET, 1000000 bytes a second
                00 00 0000 0000 0000 00000000             ; no peak
                c0d40100 00000000 00000000                ; 120000 bytes may wait
              0800 0600 204e0000                          ; TCA_TBF_BURST: 20000 bytes
          """))
  }

  private static let link = bytes(
    """
    48000000 1000 0000 00000000 00000000
      00 00 0100 05000000 43100100 00000000               ; ifinfomsg: index 5
      0a00 0300 766574683100 0000                         ; "veth1"
      0800 0a00 02000000                                  ; IFLA_MASTER
      1100 1400 6d696e65203120322033202d00 000000         ; IFLA_IFALIAS "mine 1 2 3 -"
    """)

  @Test func readsLinks() throws {
    var rest = Self.link[...]
    let link = try #require(rest.popNetlinkMessage().flatMap { LinkRecord($0) })
    #expect(link == LinkRecord(index: 5, name: "veth1", bridge: 2, alias: "mine 1 2 3 -"))
    #expect(
      LinkRecord.request(for: "a") == bytes("28000000 1200 0100 00000000 00000000") + [UInt8](repeating: 0, count: 16)
        + bytes("0600 0300 6100 0000"))
    #expect(LinkRecord.requestForAll.count == 32 && LinkRecord.requestForAll[7] == 3)
    // A bridge that says that this is one of its ports is another message.
    var ofBridge = Self.link
    ofBridge[16] = 7
    var other = ofBridge[...]
    #expect(other.popNetlinkMessage().flatMap { LinkRecord($0) } == nil)
  }

  @Test func neverTrapsOnNoise() {
    var random = SeededGenerator(seed: 5)
    for _ in 0..<20_000 {
      var noise = Self.link
      for _ in 0..<4 { noise[Int(random.below(UInt64(noise.count)))] = UInt8(truncatingIfNeeded: random.next()) }
      var rest = noise.prefix(Int(random.below(UInt64(noise.count + 1))))
      while let message = rest.popNetlinkMessage() { _ = LinkRecord(message) }
    }
  }
}
