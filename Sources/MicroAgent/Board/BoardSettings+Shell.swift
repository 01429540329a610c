import Basics

extension Configuration {
  /// What the scripts of a board need to know, one `name='value'` a line, for a shell to evaluate. What is left to DHCP or to
  /// the scripts is empty; `network` is `dhcp` then.
  public var shellText: String {
    let values: [(name: String, value: String)] = [
      ("name", node.name),
      ("network", board.network.map { "\($0)" } ?? "dhcp"),
      ("router", board.router.map { "\($0)" } ?? ""),
      ("dns", Self.list(board.nameServers)),
      ("uplink", board.uplink),
      ("home", board.home.joined(separator: " ")),
      ("home_address", "\(board.homeAddress)"),
      ("ntp", Self.list(board.timeServers)),
      ("ssh_key", board.loginKey),
    ]
    var text = ""
    for (name, value) in values { text += "\(name)=\(Self.quoted(value))\n" }
    return text
  }

  private static func list(_ addresses: [IPAddress]) -> String {
    addresses.map { "\($0)" }.joined(separator: " ")
  }

  /// As one word of a shell, whatever it holds: no setting can hold a quote, but that is decided elsewhere.
  private static func quoted(_ value: String) -> String {
    var quoted: [UInt8] = []
    for byte in value.utf8 { quoted += byte == UInt8(ascii: "'") ? Array("'\\''".utf8) : [byte] }
    return "'\(ASCII.string(quoted))'"
  }
}
