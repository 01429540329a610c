import Basics

/// The network that containers with the network `bridge` have: which addresses, and what their links are called.
///
/// A container has a place, a number from 1 on. Its addresses and its hardware's follow from the place, and the name of its
/// link on the board says place and container: so what the kernel has tells all that there is to know, and nothing of it
/// is kept elsewhere.
public struct BridgeNetwork: Equatable, Sendable {
  /// The board's own address, and by its prefix all of the network's.
  public var address: AddressInNetwork
  /// Nil: there is no IPv6.
  public var addressV6: IPPrefix?

  public init(_ address: AddressInNetwork, _ addressV6: IPPrefix?) {
    (self.address, self.addressV6) = (address, addressV6)
  }

  /// The bridge's name.
  public static let name = "microagent"
  /// What a container's link is called inside.
  public static let inside = "eth0"
  public static let hardwareOfBridge: [UInt8] = [0x02, 0x4D, 0x41, 0xFF, 0, 0]

  // MARK: Places

  /// The highest place there may be, in the smaller one of both networks.
  public var lastPlace: UInt16 {
    let hostBits = 128 - UInt32(addressV6?.bits ?? 0)
    let last = min(~address.mask - 1, hostBits < 16 ? 1 << hostBits - 1 : 0xFFFE)
    return UInt16(truncatingIfNeeded: last)
  }

  /// Whether a container can be there: it is not the board's own.
  public func isFree(_ place: UInt16) -> Bool {
    guard (1...lastPlace).contains(place), address.network + UInt32(place) != address.address else { return false }
    return addressV6 == nil || self.addressV6(of: place) != addressV6?.address
  }

  /// Where a container is put for which `isTaken` leaves a place: at the same one as before, if it can be.
  public func place(for id: UInt64, isTaken: (UInt16) -> Bool) -> UInt16? {
    let count = UInt64(lastPlace)
    for step in 0..<count {
      let place = UInt16(1 + (id % count + step) % count)
      if isFree(place), !isTaken(place) { return place }
    }
    return nil
  }

  public func address(of place: UInt16) -> IPAddress { .v4(address.network + UInt32(place)) }

  public func addressV6(of place: UInt16) -> IPAddress? {
    guard let addressV6, case .v6(let high, let low) = addressV6.address else { return nil }
    let host = addressV6.bits >= 64 ? UInt64.max >> UInt64(addressV6.bits - 64) : .max
    let network = addressV6.bits >= 64 ? low & ~host : 0
    let first = addressV6.bits >= 64 ? high : high & ~(UInt64.max >> UInt64(addressV6.bits))
    return .v6(high: first, low: network | UInt64(place))
  }

  /// All addresses of a container.
  @inline(never)
  public func addresses(of place: UInt16) -> [IPAddress] {
    [address(of: place)] + (addressV6(of: place).map { [$0] } ?? [])
  }

  /// Locally administered (IEEE 802).
  public static func hardware(of place: UInt16) -> [UInt8] {
    [0x02, 0x4D, 0x41, 0, UInt8(place >> 8), UInt8(truncatingIfNeeded: place)]
  }

  // MARK: Names

  /// With the beginning that all know for links of containers.
  private static let linkPrefix = "veth"
  private static let placeDigits = 4
  /// Of a container's id: it has to be found among a few hundred.
  private static let idDigits = 6

  /// What a container's link is called on the board: `veth0005-00002a`, as long as a name may be.
  @inline(never)
  public static func link(of id: UInt64, at place: UInt16) -> String {
    linkPrefix + hexadecimal(UInt64(place), placeDigits) + "-" + hexadecimal(id, idDigits)
  }

  /// The place that a link's name tells, where it is a container's of this id.
  @inline(never)
  public static func place(of id: UInt64, link name: String) -> UInt16? {
    let digits = name.utf8.dropFirst(linkPrefix.utf8.count).prefix(placeDigits)
    guard let place = UInt16(ASCII.string(digits), radix: 16), link(of: id, at: place) == name else { return nil }
    return place
  }

  private static func hexadecimal(_ number: UInt64, _ digits: Int) -> String {
    var text = ""
    for digit in (0..<digits).reversed() { text += String(number >> UInt64(4 * digit) & 15, radix: 16) }
    return text
  }

  // MARK: Where the kernel keeps it

  /// Which packets are passed on from one network to another.
  public struct Forwarding: OptionSet, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
      self.rawValue = rawValue
    }

    public static let v4 = Forwarding(rawValue: 1)
    public static let v6 = Forwarding(rawValue: 2)
  }

  /// What the bridge says of itself, so that the next agent knows it: whose it is, its addresses, and whether packets were
  /// passed on before it was there.
  public struct Label: Equatable, Sendable {
    /// The control group of the agent, which no other one has.
    public var owner: String
    public var network: BridgeNetwork
    public var forwardedBefore: Forwarding

    public init(owner: String, network: BridgeNetwork, forwardedBefore: Forwarding) {
      (self.owner, self.network, self.forwardedBefore) = (owner, network, forwardedBefore)
    }

    public var text: String {
      "\(owner) \(network.address) \(network.addressV6.map { "\($0)" } ?? "-") \(forwardedBefore.rawValue)"
    }

    /// Nil: no agent wrote this.
    public init?(_ text: String) {
      let words = ASCII.split(Array(text.utf8)[...], at: ASCII.space).map { ASCII.string($0) }
      guard words.count == 4, let address = AddressInNetwork(words[1]), let forwarded = UInt8(words[3]) else {
        return nil
      }
      self.init(
        owner: words[0], network: BridgeNetwork(address, IPPrefix(words[2])),
        forwardedBefore: Forwarding(rawValue: forwarded))
    }
  }

  // MARK: Choice

  /// The network for these settings on a board with these addresses.
  /// - Returns: also a line for a person where the usual one could not be.
  public static func choose(
    _ settings: BridgeSettings, beside own: [IPPrefix]
  ) throws(RequestError) -> (network: BridgeNetwork, notice: String?) {
    if let addressV6 = settings.addressV6, let other = own.first(where: { $0.overlaps(addressV6) }) {
      throw RequestError(.failed, clash("container-address6", "\(addressV6)", other))
    }
    if let address = settings.address {
      if let other = own.first(where: { $0.overlaps(IPPrefix(address)) }) {
        throw RequestError(.failed, clash("container-address", "\(address)", other))
      }
      return (BridgeNetwork(address, settings.addressV6), nil)
    }
    let usual = BridgeSettings.usualAddresses
    guard let free = usual.first(where: { one in !own.contains { $0.overlaps(IPPrefix(one)) } }) else {
      throw RequestError(
        .failed, "all usual addresses are those of the board's networks: set container-address")
    }
    let line = "containers have addresses of \(free), for \(usual[0]) overlaps one of the board's networks"
    return (BridgeNetwork(free, settings.addressV6), free == usual[0] ? nil : line)
  }

  private static func clash(_ setting: String, _ value: String, _ other: IPPrefix) -> String {
    "\(setting) \(value) overlaps the board's own \(other): set another one"
  }
}
