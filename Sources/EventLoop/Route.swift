import Basics
import CSystem
import LinuxSystem

/// What the kernel's routing table says.
public enum Route {
  /// The address of ours with which this machine would speak to an address; nil where no route leads there. Nothing is
  /// sent.
  public static func source(towards address: SocketAddress) -> IPAddress? {
    var source = sockaddr_storage()
    let result = address.withSockaddr { system_source_address($0, &source) }
    if result < 0 { return nil }
    return SocketAddress(storage: &source)?.address
  }
}
