import Basics

/// What a rule consists of in the kernel (linux/netfilter/nf_tables.h): a match loads something of the packet into a
/// register and compares it there; the verdict stands at the end. Numbers are in network order.
struct PacketExpressions {
  private var writer = NetlinkWriter()

  /// The list of them, as attributes.
  var bytes: [UInt8] { writer.bytes }

  /// An interface's name with zeros behind it (IFNAMSIZ).
  static let interfaceNameBytes = 16
  // enum nft_verdicts and netfilter's.
  static let drop: UInt32 = 0
  static let accept: UInt32 = 1
  private static let jump = UInt32(bitPattern: -3)

  /// enum nft_meta_keys.
  private enum Meta: UInt32 {
    case type = 1
    case inputName = 6
    case outputName = 7
    case user = 10
    case family = 15
    case transport = 16
  }

  /// Of 16 bytes, as the second; in the first lie four of 4 bytes, the first of which has the number 8 (enum nft_registers).
  private static let register: UInt32 = 1
  private static let secondRegister: UInt32 = 2
  private static let firstSmallRegister: UInt32 = 8
  private static let verdictRegister: UInt32 = 0
  private static let linkHeader: UInt32 = 0
  private static let networkHeader: UInt32 = 1
  private static let transportHeader: UInt32 = 2
  private static let notEqual: UInt32 = 1

  static func interface(_ name: String) -> [UInt8] {
    let bytes = Array(name.utf8.prefix(interfaceNameBytes - 1))
    return bytes + [UInt8](repeating: 0, count: interfaceNameBytes - bytes.count)
  }

  static func port(_ port: UInt16) -> [UInt8] {
    [UInt8(port >> 8), UInt8(truncatingIfNeeded: port)]
  }

  mutating func add(_ match: PacketMatch) {
    switch match {
    case .from(let name): compare(.inputName, Self.interface(name))
    case .to(let name): compare(.outputName, Self.interface(name))
    case .fromOne(let set): look(for: .inputName, in: set)
    case .toOne(let set): look(for: .outputName, in: set)
    case .toNone(let set): look(for: .outputName, in: set, isNot: true)
    case .family(let family): compare(.family, [Self.number(of: family)])
    case .transport(let number): compare(.transport, [number])
    case .port(let port):
      loadPort()
      compare(Self.port(port))
    case .portOne(let set):
      loadPort()
      look(in: set)
    case .destination(let address, let bits): compare(Self.destination(of: address), address, bits)
    case .notDestination(let address):
      compare(Self.destination(of: address), address, address.networkBytes.count * 8, isNot: true)
    case .source(let address, let bits): compare(Self.source(of: address), address, bits)
    case .notTo(let name):
      load(.outputName)
      compare(Self.interface(name), isNot: true)
    case .forThisMachine: forThisMachine()
    case .translated: connection(2, 0x20)
    case .type(let number): compare(.type, Self.port(number))
    case .senderOne(let set, let sender): look(for: sender, in: set)
    case .known: connection(0, 2 | 4)
    case .invalid: connection(0, 1)
    case .sender(let users): sender(users)
    }
  }

  mutating func add(_ verdict: PacketVerdict) {
    switch verdict {
    case .accept: decide(Self.accept)
    case .drop:
      add("counter", [])
      decide(Self.drop)
    case .jump(let chain): decide(Self.jump, chain)
    case .masquerade: add("masq", [])
    case .translate(let map, let family): translate(by: map, family)
    case .reject:
      add("counter", [])
      // By the ICMP of the packet's family: it is forbidden by an administrator.
      let places = begin("reject", [2])
      writer.attribute(2, [3])
      end(places)
    }
  }

  // MARK: Expressions

  /// Begins an expression: its name, and the numbers that its first attributes are. Returns the places for `end`.
  @inline(never)
  private mutating func begin(_ name: String, _ numbers: [UInt32]) -> (element: Int, data: Int) {
    let element = writer.begin(attributes: PacketRulesBatch.element)
    writer.attribute(1, text: name)
    let data = writer.begin(attributes: 2)
    for (index, number) in numbers.enumerated() { writer.attribute(UInt16(index + 1), big: number) }
    return (element, data)
  }

  private mutating func end(_ places: (element: Int, data: Int)) {
    writer.end(places.data)
    writer.end(places.element)
  }

  @inline(never)
  private mutating func add(_ name: String, _ numbers: [UInt32]) {
    end(begin(name, numbers))
  }

  /// Adds an attribute of an expression that is a value.
  @inline(never)
  private mutating func value(_ type: UInt16, _ value: [UInt8]) {
    let place = writer.begin(attributes: type)
    writer.attribute(PacketRulesBatch.value, value)
    writer.end(place)
  }

  private mutating func load(_ meta: Meta) {
    add("meta", [Self.register, meta.rawValue])
  }

  @inline(never)
  private mutating func load(_ header: UInt32, at offset: UInt32, bytes: UInt32, into register: UInt32 = register) {
    add("payload", [register, header, offset, bytes])
  }

  /// TCP and UDP have it in the same place.
  private mutating func loadPort() {
    load(Self.transportHeader, at: 2, bytes: 2)
  }

  @inline(never)
  private mutating func compare(_ meta: Meta, _ value: [UInt8]) {
    load(meta)
    compare(value)
  }

  @inline(never)
  private mutating func compare(_ value: [UInt8], isNot: Bool = false) {
    let places = begin("cmp", [Self.register, isNot ? Self.notEqual : 0])
    self.value(3, value)
    end(places)
  }

  @inline(never)
  private mutating func look(for meta: Meta, in set: String, isNot: Bool = false) {
    load(meta)
    look(in: set, isNot: isNot)
  }

  @inline(never)
  private mutating func look(in set: String, isNot: Bool = false) {
    let places = begin("lookup", [])
    writer.attribute(1, text: set)
    writer.attribute(2, big: Self.register)
    if isNot { writer.attribute(5, big: 1) }
    end(places)
  }

  /// Keeps the bits of the register that the mask has.
  @inline(never)
  private mutating func mask(_ mask: [UInt8]) {
    let places = begin("bitwise", [Self.register, Self.register, UInt32(mask.count)])
    value(4, mask)
    value(5, [UInt8](repeating: 0, count: mask.count))
    end(places)
  }

  /// The kernel has a connection's state (key 0) and status (2) in the processor's order; one of these bits has to be set.
  @inline(never)
  private mutating func connection(_ key: UInt32, _ bits: UInt8) {
    add("ct", [Self.register, key])
    mask([bits, 0, 0, 0])
    compare([0, 0, 0, 0], isNot: true)
  }

  // Where the headers have the addresses.
  private static func source(of address: IPAddress) -> UInt32 { IPFamily(address) == .v4 ? 12 : 8 }
  private static func destination(of address: IPAddress) -> UInt32 { IPFamily(address) == .v4 ? 16 : 24 }

  @inline(never)
  private mutating func compare(_ offset: UInt32, _ address: IPAddress, _ prefixBits: Int, isNot: Bool = false) {
    var bytes = address.networkBytes
    compare(.family, [Self.number(of: IPFamily(address))])
    load(Self.networkHeader, at: offset, bytes: UInt32(bytes.count))
    if prefixBits < bytes.count * 8 {
      var mask = bytes
      for index in bytes.indices {
        mask[index] = UInt8(truncatingIfNeeded: 0xFF00 >> min(max(prefixBits - index * 8, 0), 8))
        bytes[index] &= mask[index]
      }
      self.mask(mask)
    }
    compare(bytes, isNot: isNot)
  }

  /// By the kernel's own routes (rtnetlink(7)): of type RTN_LOCAL, in the processor's order.
  private mutating func forThisMachine() {
    add("fib", [Self.register, 3, 2])
    compare([2, 0, 0, 0])
  }

  /// Interface and hardware address fill six small registers, the address follows.
  private mutating func look(for sender: PacketSender, in set: String) {
    load(.inputName)
    load(Self.linkHeader, at: 6, bytes: 6, into: Self.firstSmallRegister + 4)
    let (offset, bytes): (UInt32, UInt32) =
      switch sender {
      case .arp: (14, 4)
      case .v4: (12, 4)
      case .v6: (8, 16)
      }
    load(Self.networkHeader, at: offset, bytes: bytes, into: Self.firstSmallRegister + 6)
    look(in: set)
  }

  /// What the map has for transport and port: an address, and a port behind it.
  private mutating func translate(by map: String, _ family: IPFamily) {
    compare(.family, [Self.number(of: family)])
    load(.transport)
    load(Self.transportHeader, at: 2, bytes: 2, into: Self.firstSmallRegister + 1)
    let places = begin("lookup", [])
    writer.attribute(1, text: map)
    writer.attribute(2, big: Self.register)
    writer.attribute(3, big: Self.register)
    end(places)
    let port = family == .v4 ? Self.firstSmallRegister + 1 : Self.secondRegister
    let translation = begin("nat", [1, UInt32(Self.number(of: family)), Self.register])
    writer.attribute(5, big: port)
    end(translation)
  }

  /// A range is of bytes as they stand, so the number is brought into network order first.
  private mutating func sender(_ users: ClosedRange<UInt32>) {
    load(.user)
    add("byteorder", [Self.register, Self.register, 1, 4, 4])
    let places = begin("range", [Self.register, 0])
    value(3, NetlinkWriter.bigEndian(users.lowerBound))
    value(4, NetlinkWriter.bigEndian(users.upperBound))
    end(places)
  }

  @inline(never)
  private mutating func decide(_ verdict: UInt32, _ chain: String? = nil) {
    let places = begin("immediate", [Self.verdictRegister])
    let data = writer.begin(attributes: 2)
    let place = writer.begin(attributes: 2)
    writer.attribute(1, big: verdict)
    if let chain { writer.attribute(2, text: chain) }
    writer.end(place)
    writer.end(data)
    end(places)
  }

  /// Netfilter's number of a family (enum nfproto).
  private static func number(of family: IPFamily) -> UInt8 {
    family == .v4 ? 2 : 10
  }
}
