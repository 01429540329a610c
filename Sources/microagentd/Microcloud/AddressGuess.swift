import Basics
import EventLoop
import LinuxSystem
import Microcloud

/// Which address to advertise: what the kernel says of interfaces and routes, for `AdvertiseAddress` to choose from.
struct AddressGuess {
  private let interfaces: [NetworkInterface]
  private let family: IPFamily
  private let reachesContacts: [IPAddress]
  private let reachesAnything: IPAddress?

  /// Contacts beyond these say nothing new.
  private static let maximumContacts = 8
  /// Addresses of documentation, which only a default route leads to (RFC 5737, RFC 3849). Nothing is sent there.
  private static let anywhere = [IPAddress.v4(0xC000_0201), .v6(high: 0x2001_0DB8_0000_0000, low: 1)]

  init(_ interfaces: [NetworkInterface], family: IPFamily, contacts: [SocketAddress]) {
    self.interfaces = interfaces
    self.family = family
    reachesContacts = contacts.lazy.filter { IPFamily($0.address) == family }.prefix(Self.maximumContacts)
      .compactMap { Route.source(towards: $0) }
    reachesAnything = Self.anywhere.first { IPFamily($0) == family }
      .flatMap { Route.source(towards: SocketAddress($0, port: 9)) }
  }

  var candidates: [AdvertiseCandidate] {
    let anyInterface = interfaces.first { $0.addresses.contains { $0.address == reachesAnything } }?.index
    return interfaces.flatMap { interface in
      interface.addresses.filter { $0.isUsable && IPFamily($0.address) == family }.map { address in
        var flags: AdvertiseCandidate.Flags = []
        if interface.flags.isSuperset(of: [.up, .running]) { flags.insert(.isRunning) }
        if interface.flags.contains(.pointToPoint) { flags.insert(.isPointToPoint) }
        if !address.flags.isDisjoint(with: [.temporary, .deprecated]) { flags.insert(.isTemporary) }
        if interface.index == anyInterface { flags.insert(.hasDefaultRoute) }
        if reachesContacts.contains(address.address) { flags.insert(.reachesContacts) }
        return AdvertiseCandidate(address.address, interface: interface.index, named: interface.name, flags: flags)
      }
    }
  }
}
