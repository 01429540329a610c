import Basics
import LinuxSystem
import MicroAgent
import Netlink

/// The board as its owner's home gateway: the packet filter's rules, and then the kernel passes packets on. Both stay as they
/// are when the agent ends.
final class Gateway {
  private var rules: GatewayRules
  /// What the kernel refused; one line for a person.
  private var problem: String?

  /// For `microctl info`.
  var notices: [String] { problem.map { [$0] } ?? [] }

  /// Nil where the board is no gateway.
  init?(_ configuration: Configuration) {
    guard let rules = GatewayRules(configuration) else { return nil }
    self.rules = rules
  }

  /// Puts the rules in the place of those of an earlier agent. Only where they stand is the way between home and outside
  /// opened; where they do not it is closed.
  func open(for services: [OwnServices.Entry]) {
    rules.publish(services)
    put()
    let isOpen = problem == nil
    for path in Self.forwarding { forward(isOpen, path) }
  }

  /// Lets in what is published now. Where that fails the rules that stand go on.
  func update(for services: [OwnServices.Entry]) {
    let before = rules.publishedPorts
    rules.publish(services)
    if rules.publishedPorts != before || problem != nil { put() }
  }

  /// ip-sysctl.rst in the kernel's documents.
  private static let forwarding = ["/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding"]

  private func put() {
    do throws(PacketFilterError) {
      try PacketFilter.replace(rules.packetRules)
      problem = nil
    } catch {
      tell("gateway: \(error): the home side is cut off; a kernel with nf_tables is needed")
    }
  }

  private func forward(_ isOpen: Bool, _ path: String) {
    do throws(SystemError) {
      try Files.write(isOpen ? "1" : "0", to: path)
    } catch {
      // A kernel without IPv6.
      if isOpen, error.errno != .noSuchFile { tell("gateway: \(error): the home side is cut off") }
    }
  }

  private func tell(_ line: String) {
    if line != problem { Diagnostics.line(line) }
    problem = line
  }
}
