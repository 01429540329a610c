import Basics
import Testing

@testable import MicroAgent

@Suite struct BridgeNetworkTests {
  private func network(_ address: String, _ addressV6: String? = nil) throws -> BridgeNetwork {
    BridgeNetwork(try #require(AddressInNetwork(address)), addressV6.flatMap { IPPrefix($0) })
  }

  private func prefixes(_ texts: String...) -> [IPPrefix] { texts.compactMap { IPPrefix($0) } }

  @Test func anAddressFollowsFromThePlace() throws {
    let network = try network("10.9.0.1/16", "fd77:0:0:1::1/64")
    #expect(network.addresses(of: 2).map { "\($0)" } == ["10.9.0.2", "fd77:0:0:1::2"])
    #expect(network.addresses(of: 0x1FF).map { "\($0)" } == ["10.9.1.255", "fd77:0:0:1::1ff"])
    #expect(BridgeNetwork.hardware(of: 0x1FF) == [0x02, 0x4D, 0x41, 0, 1, 0xFF])
    #expect(network.lastPlace == 0xFFFE)
    #expect(try self.network("10.9.0.1/16", "fd77::1:101/120").addressV6(of: 3) == IPAddress("fd77::1:103"))
    #expect(try self.network("10.9.0.1/16", "fd77::1/56").addressV6(of: 3) == IPAddress("fd77::3"))
  }

  @Test func nobodyHasTheBoardsPlaceOrOneThatIsNone() throws {
    let network = try network("172.29.77.1/29", "fd77::5/64")
    #expect((0...9).filter { network.isFree($0) } == [2, 3, 4, 6])
    // The smaller network counts.
    #expect(try self.network("10.0.0.1/16", "fd77::1/120").lastPlace == 255)
    #expect(try self.network("10.0.0.1/30").lastPlace == 2)
  }

  @Test func aContainerIsPutWhereItWasBefore() throws {
    let network = try network("172.29.77.1/24")
    #expect(network.place(for: 1) { _ in false } == 2 && network.place(for: 254) { _ in false } == 2)
    #expect(network.place(for: 1) { $0 == 2 } == 3)
    // The last place is followed by the first that is not the board's.
    #expect(network.place(for: 253) { $0 == 254 } == 2)
    #expect(network.place(for: 7) { _ in true } == nil)
  }

  @Test func aLinksNameTellsPlaceAndContainer() {
    let name = BridgeNetwork.link(of: 42, at: 5)
    #expect(name == "veth0005-00002a" && name.utf8.count == 15)
    #expect(BridgeNetwork.place(of: 42, link: name) == 5)
    #expect(BridgeNetwork.place(of: 43, link: name) == nil)
    // Of a large id its last digits, which is enough to find it again.
    #expect(BridgeNetwork.place(of: 0x1_2345_6789, link: BridgeNetwork.link(of: 0x1_2345_6789, at: 0xFFFE)) == 0xFFFE)
    for text in ["", "veth", "veth0005", "veth0005-00002A", "veth000g-00002a", "eth0", "veth0005-00002a0", "vethxxxx"] {
      #expect(BridgeNetwork.place(of: 42, link: text) == nil)
    }
  }

  @Test func theLabelTellsTheNextAgent() throws {
    for addressV6 in [nil, "fd77::1/64"] {
      let label = BridgeNetwork.Label(
        owner: "microagent", network: try network("10.9.0.1/16", addressV6), forwardedBefore: [.v6])
      #expect(BridgeNetwork.Label(label.text) == label)
    }
    for text in ["", "a b", "a 10.9.0.1/16 - x", "a 10.9.0.0/16 - 0", "a 10.9.0.1/16 - 300", "a 10.9.0.1/16 - 0 0"] {
      #expect(BridgeNetwork.Label(text) == nil)
    }
  }

  @Test func theUsualAddressesGiveWayToTheBoards() throws {
    let settings = BridgeSettings()
    let plain = try BridgeNetwork.choose(settings, beside: prefixes("192.168.1.7/24", "fd00::1/64"))
    #expect(plain.network.address.description == "172.29.77.1/24" && plain.notice == nil)
    let other = try BridgeNetwork.choose(settings, beside: prefixes("172.16.0.9/12"))
    #expect(other.network.address.description == "192.168.229.1/24")
    #expect(
      other.notice
        == "containers have addresses of 192.168.229.1/24, for 172.29.77.1/24 overlaps one of the board's networks")
    #expect(throws: RequestError.self) {
      try BridgeNetwork.choose(settings, beside: self.prefixes("172.16.0.9/12", "192.168.0.1/16", "10.0.0.1/8"))
    }
  }

  @Test func addressesThatAreSetMustBeFree() throws {
    var settings = BridgeSettings()
    settings.address = AddressInNetwork("192.168.1.129/25")
    settings.addressV6 = IPPrefix("fd77::1/64")
    #expect(try BridgeNetwork.choose(settings, beside: prefixes("192.168.1.1/25")).network.address == settings.address)
    for (own, line) in [
      (
        "192.168.1.7/24",
        "container-address 192.168.1.129/25 overlaps the board's own 192.168.1.7/24: set another one"
      ),
      (
        "fd77::9/48",
        "container-address6 fd77::1/64 overlaps the board's own fd77::9/48: set another one"
      ),
    ] {
      #expect(throws: RequestError(.failed, line)) { try BridgeNetwork.choose(settings, beside: self.prefixes(own)) }
    }
  }

  @Test func prefixesAreAddressesThatBeginAlike() {
    let prefix = IPPrefix("10.1.2.3/12")
    #expect(prefix?.contains(.v4(0x0A0F_FFFF)) == true && prefix?.contains(.v4(0x0A10_0000)) == false)
    #expect(IPPrefix("0.0.0.0/0")?.contains(.v4(.max)) == true && IPPrefix("::/0")?.contains(.v4(1)) == false)
    #expect(IPPrefix("192.0.2.1")?.bits == 32 && IPPrefix("2001:db8::1")?.bits == 128)
    for text in ["", "/", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/8/8", "10.0.0/8", "::/-1"] {
      #expect(IPPrefix(text) == nil)
    }
  }
}
