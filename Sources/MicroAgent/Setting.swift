import Basics

/// A line of the configuration: `name = value`.
public struct Setting: Equatable, Sendable {
  public let name: String
  public let value: String

  /// The parts of a value that is a list.
  var words: [String] {
    Array(value.utf8).split { ASCII.isBlank($0) || $0 == UInt8(ascii: ",") }.map { ASCII.string($0) }
  }

  /// The line that tells that the value will not do.
  func wrong(_ advice: String) -> String { "\(name) '\(value)': \(advice)" }

  var unknown: String { "there is no setting '\(name)': use one of \(Self.names)" }

  static let names =
    "state-directory, runtime-directory, cgroup, first-user-id, memory-reserve, offer-memory, "
    + "offer-cpu, offer-disk, offer-processes, offer-containers, lease-to, lease-longest, lease-share, lease-roots, zone, "
    + "guifi-node, contact, container-address, container-address6, container-dns, container-reach, containers-together, name, owner, interfaces, coap-port, microcloud, microcloud-key, gossip-key, public, "
    + "resource-directory, with microcloud- or public- before it contacts, port, family, profile, advertise, and for a "
    + "board's system network, router, dns, uplink, home, home-address, home-open, ntp, ssh-key"
}
