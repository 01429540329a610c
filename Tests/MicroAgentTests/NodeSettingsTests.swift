import Basics
import Microcloud
import Testing

@testable import MicroAgent

@Suite struct NodeSettingsTests {
  private static let key16 = "AAECAwQFBgcICQoLDA0ODw=="
  private static let owner = "02379749d0b7526e4714ddaf81654979a80931b1018eec5e3bf53d381c75306ba0"
  private static let microcloudKey = "036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"

  private func parse(_ text: String) throws(ConfigurationError) -> NodeSettings {
    try Configuration(parsing: Array(text.utf8)).node
  }

  @Test func aBoardWithoutSettingsLooksForAMicrocloudAndStaysOutOfTheOpenCluster() throws {
    let node = try parse("")
    #expect(node.microcloud.isOn && node.microcloudName == nil && node.gossipKeys == nil)
    #expect(node.microcloud.profile == .microcloud && node.microcloud.contacts.isEmpty)
    #expect(!node.publicCluster.isOn && node.publicCluster.profile == .cloudy)
    #expect(node.standing == .unclaimed && node.coapPort == 5683)
  }

  @Test func everySettingIsTaken() throws {
    let node = try parse(
      """
      name = alix
      owner = \(Self.owner)
      microcloud-key = \(Self.microcloudKey)
      coap-port = 5684
      interfaces = eth0, br-lan
      microcloud = gracia
      gossip-key = \(Self.key16)
      microcloud-contacts = [2001:db8::1]:7000 2001:db8::2
      microcloud-port = 7950
      microcloud-family = ipv6
      microcloud-profile = wan
      microcloud-advertise = 2001:db8::9
      public = on
      public-contacts = 10.139.40.22,10.1.2.3:5001
      public-port = 5002
      public-profile = lan
      public-advertise = 10.1.2.4
      """)
    #expect(
      node.name == "alix" && node.owner?.compressed == Hexadecimal.bytes(Self.owner.utf8) && node.standing == .claimed
        && node.coapPort == 5684)
    #expect(node.microcloudKey?.compressed == Hexadecimal.bytes(Self.microcloudKey.utf8))
    #expect(node.interfaces == ["eth0", "br-lan"] && node.microcloudName == "gracia")
    #expect(node.gossipKeys?.primary == Array(0...15))
    #expect(node.microcloud.isOn && node.microcloud.profile.family == .v6 && node.microcloud.profile.membership == .wan)
    // Whichever comes first, the port is the one of contacts that name none.
    #expect(node.microcloud.contacts.map { "\($0)" } == ["[2001:db8::1]:7000", "[2001:db8::2]:7950"])
    #expect(node.microcloud.advertised == IPAddress("2001:db8::9"))
    #expect(node.publicCluster.isOn && node.publicCluster.profile.membership == .lan)
    #expect(node.publicCluster.contacts.map { "\($0)" } == ["10.139.40.22:5002", "10.1.2.3:5001"])
    #expect(node.publicCluster.advertised == IPAddress("10.1.2.4"))
  }

  @Test func theOpenClusterIsFoundWhereCloudyFindsIt() throws {
    #expect(try parse("public = on").publicCluster.contacts.map { $0.port } == [5000, 5000])
    #expect(try !parse("microcloud = off").microcloud.isOn)
  }

  @Test(
    arguments: [
      ("name = a_b", "line 1: name 'a_b': use letters, digits and '-', at most 40"),
      ("name = -a", "line 1: name '-a'"),
      ("owner = 02", "line 1: owner '02': give a public key of P-256: 66 hexadecimal digits"),
      ("owner = 04\(String(repeating: "ab", count: 32))", "line 1: owner '04"),
      ("\nmicrocloud-key = me", "line 2: microcloud-key 'me': give a public key of P-256: 66 hexadecimal digits"),
      // Half of all numbers are the x of no point.
      ("microcloud-key = 02\(String(repeating: "00", count: 31))07", "`microctl microcloud create` printed"),
      ("coap-port = 0", "line 1: coap-port '0': give a port, as 5683"),
      ("interfaces = ", "line 1: interfaces '': give the names of interfaces, as eth0"),
      ("interfaces = an-interface-name", "line 1: interfaces 'an-interface-name'"),
      ("microcloud = a.b", "line 1: microcloud 'a.b': use letters, digits and '-', at most 32; or off"),
      ("microcloud = a\ngossip-key = secret", "line 2: gossip-key: give 16, 24 or 32 random bytes in base64"),
      ("microcloud = a\ngossip-key = AAAA", "line 2: gossip-key: give 16, 24 or 32 random bytes"),
      ("microcloud = a\ngossip-key =", "line 2: gossip-key: give 16, 24 or 32 random bytes"),
      ("\ngossip-key = \(key16)\n#", "line 2: gossip-key needs a microcloud: name the one that it belongs to"),
      ("microcloud-port = 65536", "line 1: microcloud-port '65536': give a port, as 7946"),
      ("microcloud-family = ipv5", "line 1: microcloud-family 'ipv5': give ipv4 or ipv6"),
      ("microcloud-profile = man", "line 1: microcloud-profile 'man': give lan, wan or local"),
      ("microcloud-contacts = a.guifi.net", "line 1: microcloud-contacts 'a.guifi.net': give 1 to 16 addresses"),
      ("microcloud-contacts = 10.1.2.3:0", "line 1: microcloud-contacts '10.1.2.3:0': give 1 to 16 addresses"),
      ("#\nmicrocloud-contacts = ::1", "line 2: microcloud-contacts has one that is no ipv4 address"),
      ("microcloud-advertise = 127.0.0.1", "line 1: microcloud-advertise '127.0.0.1': give an address that others"),
      ("microcloud-advertise = 2001:db8::1", "line 1: microcloud-advertise is no ipv4 address: set microcloud-family"),
      ("microcloud-color = red", "line 1: there is no setting 'microcloud-color'"),
      ("public = yes", "line 1: public 'yes': give on or off"),
      ("public = on\npublic-port = 7946", "line 2: microcloud-port and public-port are the same"),
    ] as [(String, String)])
  func whatIsWrongIsTold(_ text: String, _ told: String) {
    let error = #expect(throws: ConfigurationError.self) { try parse(text) }
    #expect(error?.description.contains(told) ?? false, "\(error?.description ?? "")")
  }

  /// A key is a secret: what is wrong with it is told without it.
  @Test func aKeyIsNotTold() {
    let error = #expect(throws: ConfigurationError.self) { try parse("microcloud = a\ngossip-key = c2VjcmV0") }
    #expect(error?.description.contains("c2VjcmV0") == false)
  }
}
