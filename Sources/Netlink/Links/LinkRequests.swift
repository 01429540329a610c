import Basics

/// Requests to the kernel about links, their addresses, neighbours and routes (rtnetlink(7)), one behind the other. The
/// kernel performs them in their order and acknowledges each; those behind one that it refused it performs as well. Nothing
/// here is inlined, as a container takes a dozen of them.
public struct LinkRequests: Sendable {
  private var writer = NetlinkWriter()
  /// What each is about, for the line that tells why it was refused.
  private var subjects: [String] = []

  public init() {}

  /// What is sent to the kernel, at once.
  public var bytes: [UInt8] { writer.bytes }
  /// How many there are; they are numbered from 0.
  public var count: Int { subjects.count }

  public func subject(_ sequence: UInt32) -> String {
    sequence < UInt32(subjects.count) ? subjects[Int(sequence)] : "a request"
  }

  // linux/rtnetlink.h
  private static let newLink: UInt16 = 16
  private static let deleteLink: UInt16 = 17
  private static let newAddress: UInt16 = 20
  private static let newRoute: UInt16 = 24
  private static let newNeighbour: UInt16 = 28
  private static let deleteNeighbour: UInt16 = 29
  private static let newDiscipline: UInt16 = 36

  // linux/if_link.h
  private static let hardwareAddress: UInt16 = 1
  private static let linkName: UInt16 = 3
  private static let master: UInt16 = 10
  private static let linkInfo: UInt16 = 18
  private static let namespaceOfProcess: UInt16 = 19
  private static let alias: UInt16 = 20
  private static let ofFamilies: UInt16 = 26
  private static let infoKind: UInt16 = 1
  private static let infoData: UInt16 = 2
  private static let infoPortKind: UInt16 = 4
  private static let infoPortData: UInt16 = 5
  private static let vethPeer: UInt16 = 1
  private static let addressGeneration: UInt16 = 8
  private static let portIsIsolated: UInt16 = 33

  private static let isUp: UInt32 = 1

  // MARK: Links

  /// A bridge, which is down. Its hardware address stays whatever becomes its port.
  @inline(never)
  public mutating func addBridge(_ name: String, hardware: [UInt8]) {
    let place = begin(Self.newLink, Self.made, "make bridge \(name)")
    link(index: 0, flags: 0)
    writer.attribute(Self.linkName, text: name)
    writer.attribute(Self.hardwareAddress, hardware)
    let info = writer.begin(attributes: Self.linkInfo)
    writer.attribute(Self.infoKind, text: "bridge")
    writer.end(info)
    writer.end(place)
  }

  /// Writes down what can be read of a link as long as it is there.
  @inline(never)
  public mutating func label(_ name: String, _ text: String) {
    let place = begin(Self.newLink, 0, "label \(name)")
    link(index: 0, flags: 0)
    writer.attribute(Self.linkName, text: name)
    writer.attribute(Self.alias, text: text)
    writer.end(place)
  }

  /// A pair of links: one here, down, a port of the bridge of this index; the other one in the network namespace of a process.
  @inline(never)
  public mutating func addPair(
    _ name: String, bridge: UInt32, peer: String, hardware: [UInt8], namespaceOf process: Int32
  ) {
    let place = begin(Self.newLink, Self.made, "make veth \(name)")
    link(index: 0, flags: 0)
    writer.attribute(Self.linkName, text: name)
    writer.attribute(Self.master, native: bridge)
    let info = writer.begin(attributes: Self.linkInfo)
    writer.attribute(Self.infoKind, text: "veth")
    let data = writer.begin(attributes: Self.infoData)
    let other = writer.begin(attributes: Self.vethPeer)
    link(index: 0, flags: 0)
    writer.attribute(Self.linkName, text: peer)
    writer.attribute(Self.hardwareAddress, hardware)
    writer.attribute(Self.namespaceOfProcess, native: UInt32(bitPattern: process))
    writer.end(other)
    writer.end(data)
    writer.end(info)
    writer.end(place)
  }

  /// A port of a bridge to which no other such port may speak, nor it to them.
  @inline(never)
  public mutating func isolate(port name: String) {
    let place = begin(Self.newLink, 0, "isolate \(name)")
    link(index: 0, flags: 0)
    writer.attribute(Self.linkName, text: name)
    let info = writer.begin(attributes: Self.linkInfo)
    writer.attribute(Self.infoPortKind, text: "bridge")
    let data = writer.begin(attributes: Self.infoPortData)
    writer.attribute(Self.portIsIsolated, [1])
    writer.end(data)
    writer.end(info)
    writer.end(place)
  }

  /// The kernel gives this link no IPv6 address of itself. Without IPv6 it refuses that.
  @inline(never)
  public mutating func giveNoAddress(to name: String) {
    let place = begin(Self.newLink, 0, "give \(name) no address")
    link(index: 0, flags: 0)
    writer.attribute(Self.linkName, text: name)
    let families = writer.begin(attributes: Self.ofFamilies)
    let family = writer.begin(attributes: UInt16(Self.v6))
    writer.attribute(Self.addressGeneration, [1])
    writer.end(family)
    writer.end(families)
    writer.end(place)
  }

  @inline(never)
  public mutating func setUp(_ name: String) {
    let place = begin(Self.newLink, 0, "set \(name) up")
    link(index: 0, flags: Self.isUp)
    writer.attribute(Self.linkName, text: name)
    writer.end(place)
  }

  @inline(never)
  public mutating func delete(_ name: String) {
    let place = begin(Self.deleteLink, 0, "delete \(name)")
    link(index: 0, flags: 0)
    writer.attribute(Self.linkName, text: name)
    writer.end(place)
  }

  // MARK: Addresses, neighbours, routes

  private static let v4: UInt8 = 2
  private static let v6: UInt8 = 10

  /// Nobody is asked whether it is free.
  @inline(never)
  public mutating func add(_ address: IPAddress, prefixBits: UInt8, to index: UInt32) {
    let place = begin(Self.newAddress, Self.made, "give it \(address)")
    let isV4 = IPFamily(address) == .v4
    writer.raw(isV4 ? Self.v4 : Self.v6, prefixBits, isV4 ? 0 : 2, 0)
    writer.number(index)
    // Its own, and on a link to many the same again.
    writer.attribute(2, address.networkBytes)
    writer.attribute(1, address.networkBytes)
    writer.end(place)
  }

  /// Everything goes by a neighbour on this link.
  @inline(never)
  public mutating func addDefaultRoute(by router: IPAddress, on index: UInt32) {
    let place = begin(Self.newRoute, Self.made, "route by \(router)")
    let family = IPFamily(router) == .v4 ? Self.v4 : Self.v6
    // To no bits of a destination, in the main table (254), by the administrator (static: 4), everywhere, unicast; the
    // router is on the link though no address of the link says so.
    writer.raw(family, 0, 0, 0)
    writer.raw(254, 4, 0, 1)
    writer.number(4)
    writer.attribute(5, router.networkBytes)
    writer.attribute(4, native: index)
    writer.end(place)
  }

  /// Where an address is on a link, for good: nobody is asked, and nobody who says otherwise is heard.
  @inline(never)
  public mutating func add(neighbour address: IPAddress, hardware: [UInt8], on index: UInt32) {
    let place = begin(Self.newNeighbour, NetlinkWriter.create | NetlinkWriter.replace, "know \(address)")
    neighbour(address, index, state: Self.isPermanent)
    writer.attribute(2, hardware)
    writer.end(place)
  }

  @inline(never)
  public mutating func delete(neighbour address: IPAddress, on index: UInt32) {
    let place = begin(Self.deleteNeighbour, 0, "forget \(address)")
    neighbour(address, index, state: 0)
    writer.end(place)
  }

  /// linux/neighbour.h
  private static let isPermanent: UInt8 = 0x80

  @inline(never)
  private mutating func neighbour(_ address: IPAddress, _ index: UInt32, state: UInt8) {
    writer.raw(IPFamily(address) == .v4 ? Self.v4 : Self.v6, 0, 0, 0)
    writer.number(index)
    writer.raw(state, 0, 0, 0)
    writer.attribute(1, address.networkBytes)
  }

  // MARK: Rates

  /// What leaves by this link takes so many bits a second (tc-tbf(8)); what would wait longer than a tenth of a second is dropped.
  ///
  /// - Parameter name: of the link, for messages.
  @inline(never)
  public mutating func limit(_ name: String, index: UInt32, bitsPerSecond: UInt64) {
    let rate = UInt32(clamping: bitsPerSecond / 8)
    let burst = max(rate / 50, Self.leastBurstBytes)
    let place = begin(Self.newDiscipline, NetlinkWriter.create | NetlinkWriter.replace, "limit \(name)")
    // Of no family; the link; no handle; at the root.
    writer.number(0)
    writer.number(index)
    writer.number(0)
    writer.number(.max)
    writer.number(0)
    writer.attribute(1, text: "tbf")
    let options = writer.begin(attributes: 2)
    // struct tc_tbf_qopt: the rate, with Ethernet as its link layer (so that the kernel needs no table), no peak rate, the
    // bytes that may wait, and two numbers in ticks of which the burst says the first.
    let parameters = Self.littleEndian([1 << 8, 0, rate, 0, 0, 0, burst + rate / 10, 0, 0])
    writer.attribute(1, parameters)
    writer.attribute(6, native: burst)
    writer.end(options)
    writer.end(place)
  }

  /// Some packets.
  private static let leastBurstBytes: UInt32 = 16 * 1024

  private static func littleEndian(_ words: [UInt32]) -> [UInt8] {
    words.flatMap { NetlinkWriter.bigEndian($0.byteSwapped) }
  }

  // MARK: Parts

  private static let made = NetlinkWriter.create | NetlinkWriter.exclusive

  @inline(never)
  private mutating func begin(_ type: UInt16, _ flags: UInt16, _ subject: String) -> Int {
    subjects.append(subject)
    return writer.begin(
      message: type, flags: flags | NetlinkWriter.acknowledge, sequence: UInt32(subjects.count - 1))
  }

  /// Family (1 byte), padding (1), type (2), index (4), flags (4), which of them are meant (4).
  @inline(never)
  private mutating func link(index: UInt32, flags: UInt32) {
    writer.number(0)
    writer.number(index)
    writer.number(flags)
    writer.number(flags)
  }
}
