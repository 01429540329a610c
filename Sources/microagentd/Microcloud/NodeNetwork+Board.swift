import EventLoop
import LinuxSystem
import Microcloud

// What a board's lights say of the network.
extension NodeNetwork {
  /// How many others there are in the microcloud; nil: the node is in none.
  var neighbours: UInt64? {
    clusters.first { $0.kind == .microcloud }?.state.map { UInt64($0.peerCount) }
  }

  /// Whether an interface has an address; one that needs none has enough.
  var hasAddress: Bool {
    clusters.isEmpty || interfaces?.interfaces.contains { $0.addresses.contains { $0.isUsable } } ?? true
  }
}
