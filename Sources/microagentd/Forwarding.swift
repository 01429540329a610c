import LinuxSystem
import MicroAgent

/// Whether the kernel passes packets on (ip-sysctl.rst in its documents).
enum Forwarding {
  private static let v4 = "/proc/sys/net/ipv4/ip_forward"
  private static let interfacesV6 = "/proc/sys/net/ipv6/conf"
  private static let v6 = interfacesV6 + "/all/forwarding"

  /// A gateway's own rules say what is passed on.
  static func current(_ configuration: Configuration) -> BridgeNetwork.Forwarding {
    if !configuration.board.home.isEmpty { return [.v4, .v6] }
    var found: BridgeNetwork.Forwarding = []
    if isOn(v4) { found.insert(.v4) }
    if isOn(v6) { found.insert(.v6) }
    return found
  }

  private static func isOn(_ path: String) -> Bool {
    (try? Files.read(path, limitBytes: 16)).map { $0.first != UInt8(ascii: "0") } ?? false
  }

  static func open(_ label: BridgeNetwork.Label) throws(BridgeError) {
    try set(v4)
    guard label.network.addressV6 != nil else { return }
    // A router believes no other router's word, unless told to; the board goes on believing what it did.
    for name in (try? Files.list(interfacesV6)) ?? [] {
      let path = "\(interfacesV6)/\(name)/accept_ra"
      if (try? Files.read(path, limitBytes: 16))?.first == UInt8(ascii: "1") { try? Files.write("2", to: path) }
    }
    try set(v6)
  }

  private static func set(_ path: String) throws(BridgeError) {
    if isOn(path) { return }
    do throws(SystemError) { try Files.write("1", to: path) } catch { throw BridgeError("\(error)", error.errno) }
  }

  static func close(_ label: BridgeNetwork.Label) {
    if !label.forwardedBefore.contains(.v4) { try? Files.write("0", to: v4) }
    if label.network.addressV6 != nil, !label.forwardedBefore.contains(.v6) { try? Files.write("0", to: v6) }
  }
}
