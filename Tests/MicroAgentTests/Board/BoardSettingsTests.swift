import Basics
import TestSupport
import Testing

@testable import MicroAgent

@Suite struct BoardSettingsTests {
  private func parse(_ text: String) throws(ConfigurationError) -> Configuration {
    try Configuration(parsing: Array(text.utf8))
  }

  private static let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X"

  @Test func everySettingIsToldToTheShell() throws {
    let settings = try parse(
      """
      name = cupboard
      network = 10.1.2.3/27
      router = 10.1.2.1
      dns = 10.1.2.1 192.0.2.53
      uplink = eth0
      home = eth1, wlan0.7
      home-address = 10.77.0.1/16
      ntp = 192.0.2.123
      ssh-key = \(Self.key) josé's laptop; $(reboot)
      """)
    let expected = """
      name='cupboard'
      network='10.1.2.3/27'
      router='10.1.2.1'
      dns='10.1.2.1 192.0.2.53'
      uplink='eth0'
      home='eth1 wlan0.7'
      home_address='10.77.0.1/16'
      ntp='192.0.2.123'
      ssh_key='\(Self.key)'

      """
    #expect(settings.shellText == expected)
  }

  @Test func nothingSaidIsDHCPOnAHostWithoutLogin() {
    let expected = """
      name=''
      network='dhcp'
      router=''
      dns=''
      uplink=''
      home=''
      home_address='192.168.77.1/24'
      ntp=''
      ssh_key=''

      """
    #expect(Configuration().shellText == expected)
  }

  @Test(
    arguments: [
      ("network = 10.1.2.3", "network '10.1.2.3': give dhcp, or an address as 192.168.1.7/24"),
      ("network = 10.1.2.0/24", "network '10.1.2.0/24'"),
      ("network = 10.1.2.255/24", "network '10.1.2.255/24'"),
      ("network = 10.1.2.3/33", "network '10.1.2.3/33'"),
      ("network = 10.1.2.3/0", "network '10.1.2.3/0'"),
      ("network = 127.0.0.1/8", "network '127.0.0.1/8'"),
      ("network = fd00::1/64", "network 'fd00::1/64'"),
      ("router = fe80::1", "router 'fe80::1': give an IPv4 address"),
      ("home-open = yes", "home-open 'yes': give on or off"),
      ("dns = example.org", "dns 'example.org': give 1 to 3 IPv4 addresses"),
      ("dns = 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4", "give 1 to 3 IPv4 addresses"),
      ("ntp =", "ntp '': give 1 to 4 IPv4 addresses"),
      ("uplink = eth0;reboot", "uplink 'eth0;reboot': give the name of an interface, as eth0"),
      ("uplink = ../eth0", "uplink '../eth0'"),
      ("uplink = abcdefghijklmnop", "uplink 'abcdefghijklmnop'"),
      ("home = eth1 'eth2'", "home 'eth1 'eth2'': give the names of 1 to 8 interfaces"),
      ("home-address = 192.168.77.1/30", "home-address '192.168.77.1/30': give the board's address there"),
      ("ssh-key = ssh-ed25519", "ssh-key 'ssh-ed25519': give the one line of a public key"),
      ("ssh-key = ssh-ed25519 AAAA", "give the one line of a public key"),
      ("ssh-key = command=\"sh\" \(key)", "give the one line of a public key"),
      ("ssh-key = ssh-rsa \(key.dropFirst("ssh-ed25519 ".count))", "give the one line of a public key"),
      ("ssh-key = -----BEGIN OPENSSH PRIVATE KEY-----", "give the one line of a public key"),
      ("router = 10.0.0.1", "line 1: router needs an address: set network"),
      ("router = 10.0.1.1\nnetwork = 10.0.0.2/24", "line 1: router 10.0.1.1 cannot be reached from 10.0.0.2/24"),
      ("uplink = eth0\nhome = eth1 eth0", "line 2: home has eth0, which is the uplink"),
      ("home = eth1\nnetwork = 192.168.77.9/16", "line 1: home-address 192.168.77.1/24 is in the uplink's network"),
    ] as [(String, String)])
  func whatIsWrongIsTold(_ text: String, _ told: String) {
    let error = #expect(throws: ConfigurationError.self) { try parse(text) }
    #expect(error?.description.contains(told) ?? false, "\(error?.description ?? "")")
  }

  @Test(arguments: ["10.0.0.1/32", "10.0.0.0/31", "10.0.0.1/31", "223.255.255.254/24"])
  func whatAHostCanHaveIsTaken(_ text: String) throws {
    #expect(try parse("network = \(text)").board.network?.description == text)
  }

  @Test func aKeyThatGivesItsTypeTwiceIsTaken() throws {
    let type = "sk-ssh-ed25519@openssh.com"
    let blob = [0, 0, 0, UInt8(type.utf8.count)] + Array(type.utf8) + [1, 2, 3]
    let line = type + " " + ASCII.string(Base64.encoded(blob))
    #expect(try parse("ssh-key = \(line)").board.loginKey == line)
  }
}

@Suite struct ToleratedConfigurationTests {
  private func read(_ text: String) -> (settings: Configuration, lines: [String]) {
    let found = Configuration.tolerating(Array(text.utf8))
    return (found.settings, found.problems.lines)
  }

  @Test func aWrongLineKeepsTheDefaultAndTheOthersCount() throws {
    let (settings, lines) = read(
      """
      cgroup = cloud
      interfaces = eth0 abcdefghijklmnop
      no setting
      uplink = a/b
      memory-reserve = lots
      colour = blue
      microcloud-contacts = 192.0.2.1 nobody
      dns = 192.0.2.1 nobody
      ntp = 192.0.2.1 nobody
      home = eth1 a/b
      owner = 00
      lease-to = all
      network = 10.0.0.2/24
      """)
    #expect(settings == (try Configuration(parsing: Array("cgroup = cloud\nnetwork = 10.0.0.2/24".utf8))))
    #expect(lines.map { $0.prefix(7) } == (2...12).map { "line \($0): ".prefix(7) })
  }

  @Test func theFirstOfTwoCounts() {
    let (settings, lines) = read("cgroup = a\ncgroup = b")
    #expect(settings.cgroup == "a")
    #expect(lines == ["line 2: cgroup is set twice: keep one"])
  }

  @Test(
    arguments: [
      ("gossip-key = AAECAwQFBgcICQoLDA0ODw==", ""),
      ("public-port = 7946\npublic = on", "public = on"),
      ("public = on\nmicrocloud-port = 5000\npublic-port = 5000", "public = on\npublic-port = 5000"),
      ("public = on\npublic-family = ipv6", "public = on"),
      ("microcloud-advertise = 2001:db8::1", ""),
      ("home = eth0 eth1\nuplink = eth0", "uplink = eth0"),
      ("home = eth1\nhome-address = 10.0.0.1/24\nnetwork = 10.0.0.2/8", "home = eth1\nnetwork = 10.0.0.2/8"),
      ("router = 10.0.0.1", ""),
    ] as [(String, String)])
  func oneOfThoseThatDoNotGoTogetherGoes(_ text: String, _ left: String) throws {
    let (settings, lines) = read(text)
    #expect(settings == (try Configuration(parsing: Array(left.utf8))))
    #expect(lines.count == 1)
  }

  @Test func noMoreIsToldThanAPersonMends() {
    let (settings, lines) = read(String(repeating: "x = 1\ny\n", count: 1000))
    #expect(settings == Configuration())
    #expect(lines.count == ConfigurationProblems.maximumTold + 1)
    #expect(lines.first == "line 1: there is no setting 'x': use one of \(Setting.names)")
    #expect(lines.last == "and 1984 more lines are wrong")
  }

  @Test func aFileThatIsTooLongIsNotRead() {
    let (settings, lines) = read(String(repeating: "cgroup = a\n", count: 7000))
    #expect(settings == Configuration())
    #expect(lines.count == 1)
  }
}
