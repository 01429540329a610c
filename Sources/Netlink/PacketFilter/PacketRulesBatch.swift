/// Messages that change tables in one transaction: at no time is there none, and where one message is refused nothing has
/// changed (linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h).
public struct PacketRulesBatch: Sendable {
  private var writer = NetlinkWriter()
  /// What each message is about, in their order.
  private var subjects: [String] = []
  /// The one that the messages are about.
  private var current = PacketRules(table: "")

  /// Puts tables in the place of those of their names.
  @inline(never)
  public init(replacing tables: [PacketRules]) {
    begin(tables)
    for rules in tables {
      remove(rules)
      table(Self.newTable)
      for (index, set) in rules.sets.enumerated() { add(set, id: UInt32(index + 1)) }
      // A rule may jump to any chain.
      for chain in rules.chains { add(chain) }
      for chain in rules.chains {
        for rule in chain.rules { add(rule, to: chain) }
      }
    }
    batchMark(Self.batchEnd)
  }

  /// Removes tables, or sees to it that they are not there.
  @inline(never)
  public init(removing tables: [PacketRules]) {
    begin(tables)
    for rules in tables { remove(rules) }
    batchMark(Self.batchEnd)
  }

  /// Adds to sets that are there what these sets have.
  @inline(never)
  public init(adding tables: [PacketRules]) {
    self.init(elementsOf: tables, Self.newElements)
  }

  /// Takes from sets what these sets have, all of which must be there.
  @inline(never)
  public init(takingAway tables: [PacketRules]) {
    self.init(elementsOf: tables, Self.deleteElements)
  }

  @inline(never)
  private init(elementsOf tables: [PacketRules], _ type: UInt16) {
    begin(tables)
    for rules in tables {
      current = rules
      for set in rules.sets where !set.elements.isEmpty { elements(type, set) }
    }
    batchMark(Self.batchEnd)
  }

  private mutating func begin(_ tables: [PacketRules]) {
    if let first = tables.first { current = first }
    batchMark(Self.batchBegin)
  }

  /// A table that is not there cannot be deleted, so it is made first.
  private mutating func remove(_ rules: PacketRules) {
    current = rules
    table(Self.newTable)
    table(Self.deleteTable)
  }

  /// What is sent to the kernel, at once.
  public var bytes: [UInt8] { writer.bytes }

  /// The number of the last change, which the kernel acknowledges when all went well.
  public var lastSequence: UInt32 { UInt32(subjects.count - 2) }

  /// What the message of this number is about.
  public func subject(_ sequence: UInt32) -> String {
    sequence < UInt32(subjects.count) ? subjects[Int(sequence)] : current.table
  }

  // Of netfilter (linux/netfilter.h, linux/netfilter/nfnetlink.h).
  private static let batchBegin: UInt16 = 0x10
  private static let batchEnd: UInt16 = 0x11
  private static let subsystem: UInt16 = 10
  // Of nf_tables: enum nf_tables_msg_types.
  private static let newTable: UInt16 = 0
  private static let deleteTable: UInt16 = 2
  private static let newChain: UInt16 = 3
  private static let newRule: UInt16 = 6
  private static let newSet: UInt16 = 9
  private static let newElements: UInt16 = 12
  private static let deleteElements: UInt16 = 14
  /// Of a list, each of its elements; and a value (enum nft_list_attributes, enum nft_data_attributes).
  static let element: UInt16 = 1
  static let value: UInt16 = 1

  /// Family (1 byte), version (1), and whom the batch is for (2, in network order).
  private mutating func batchMark(_ type: UInt16) {
    let place = writer.begin(message: type, flags: 0, sequence: UInt32(subjects.count))
    writer.raw(0, 0, 0, UInt8(Self.subsystem))
    writer.end(place)
    subjects.append("table \(current.table)")
  }

  /// Begins a change; returns its place, for the writer's `end`.
  @inline(never)
  private mutating func begin(_ type: UInt16, _ subject: String) -> Int {
    // Every change is acknowledged: some tens of short answers.
    let flags = NetlinkWriter.acknowledge | NetlinkWriter.create | (type == Self.newRule ? NetlinkWriter.append : 0)
    let place = writer.begin(
      message: Self.subsystem << 8 | type, flags: flags, sequence: UInt32(subjects.count))
    writer.raw(current.family.rawValue, 0, 0, 0)
    writer.attribute(1, text: current.table)
    subjects.append(subject)
    return place
  }

  private mutating func table(_ type: UInt16) {
    writer.end(begin(type, "table \(current.table)"))
  }

  /// Name, kind, type of the values (as nft(8) numbers them, to show them), their length and a number for this batch, of a
  /// map also type and length of what is found; then the elements, where there are any.
  private mutating func add(_ set: PacketSet, id: UInt32) {
    let place = begin(Self.newSet, "set \(set.name)")
    let (key, value) = (set.elements.key, set.elements.value)
    writer.attribute(2, text: set.name)
    if !value.isEmpty { writer.attribute(3, big: Self.isMap) }
    writer.attribute(4, big: PacketField.type(key))
    writer.attribute(5, big: PacketField.bytes(key))
    if !value.isEmpty {
      writer.attribute(6, big: PacketField.type(value))
      writer.attribute(7, big: PacketField.bytes(value))
    }
    writer.attribute(10, big: id)
    // For nft(8) as well: which end of a value is first, the processor's (1) or the big one (2).
    if key.count == 1 { writer.attribute(13, [0, 4, key[0] == .interface ? 1 : 2, 0, 0, 0]) }
    writer.end(place)
    if !set.elements.isEmpty { elements(Self.newElements, set) }
  }

  private static let isMap: UInt32 = 8

  /// Of each its key, and of a map what is found under it.
  private mutating func elements(_ type: UInt16, _ set: PacketSet) {
    let place = begin(type, "set \(set.name)")
    writer.attribute(2, text: set.name)
    let list = writer.begin(attributes: 3)
    for mapping in set.elements.mappings.prefix(PacketSet.maximumElements) {
      let element = writer.begin(attributes: Self.element)
      value(1, mapping.key)
      if !mapping.value.isEmpty { value(2, mapping.value) }
      writer.end(element)
    }
    writer.end(list)
    writer.end(place)
  }

  private mutating func value(_ type: UInt16, _ bytes: [UInt8]) {
    let place = writer.begin(attributes: type)
    writer.attribute(Self.value, bytes)
    writer.end(place)
  }

  private mutating func add(_ chain: PacketChain) {
    let place = begin(Self.newChain, "chain \(chain.name)")
    writer.attribute(3, text: chain.name)
    if let hook = chain.hook {
      let attributes = writer.begin(attributes: 4)
      writer.attribute(1, big: hook.number)
      writer.attribute(2, big: hook.priority)
      writer.end(attributes)
      writer.attribute(5, big: chain.drops ? PacketExpressions.drop : PacketExpressions.accept)
      writer.attribute(7, text: hook.isTranslation ? "nat" : "filter")
    }
    writer.end(place)
  }

  private mutating func add(_ rule: PacketRule, to chain: PacketChain) {
    var expressions = PacketExpressions()
    for match in rule.matches { expressions.add(match) }
    expressions.add(rule.verdict)
    let place = begin(Self.newRule, "rule \"\(rule.comment)\" of chain \(chain.name)")
    writer.attribute(2, text: chain.name)
    writer.attributes(4, expressions.bytes)
    // As nft(8) keeps a comment: type 0, length, text, zero.
    writer.attribute(7, [0, UInt8(truncatingIfNeeded: rule.comment.utf8.count + 1)] + Array(rule.comment.utf8) + [0])
    writer.end(place)
  }
}

extension PacketField {
  /// As nft(8) numbers types, and how many bytes they have.
  private var typeAndBytes: (type: UInt32, bytes: UInt32) {
    switch self {
    case .v4: (7, 4)
    case .v6: (8, 16)
    case .hardware: (9, 6)
    case .transport: (12, 1)
    case .port: (13, 2)
    case .interface: (41, UInt32(PacketExpressions.interfaceNameBytes))
    }
  }

  /// Six bits a field.
  fileprivate static func type(_ fields: [PacketField]) -> UInt32 {
    fields.reduce(0) { $0 << 6 | $1.typeAndBytes.type }
  }

  fileprivate static func bytes(_ fields: [PacketField]) -> UInt32 {
    fields.count == 1 ? fields[0].typeAndBytes.bytes : fields.reduce(0) { $0 + ($1.typeAndBytes.bytes + 3) / 4 * 4 }
  }

  /// A row: each value with zeros up to a multiple of four bytes.
  public static func row(_ values: [UInt8]...) -> [UInt8] {
    values.flatMap { $0 + [UInt8](repeating: 0, count: (4 - $0.count % 4) % 4) }
  }

  /// An interface's name as a row has it.
  public static func interface(_ name: String) -> [UInt8] { PacketExpressions.interface(name) }

  /// A port as a row has it.
  public static func port(_ port: UInt16) -> [UInt8] { PacketExpressions.port(port) }
}

extension PacketChain.Hook {
  /// enum nf_inet_hooks; a bridge's are numbered alike.
  fileprivate var number: UInt32 {
    switch self {
    case .destinationTranslation, .port: 0
    case .input: 1
    case .forward: 2
    case .output: 3
    case .sourceTranslation: 4
    }
  }

  fileprivate var isTranslation: Bool { self == .sourceTranslation || self == .destinationTranslation }

  /// enum nf_ip_hook_priorities, of a port enum nf_br_hook_priorities.
  fileprivate var priority: UInt32 {
    switch self {
    case .sourceTranslation: 100
    case .destinationTranslation: UInt32(bitPattern: -100)
    case .port: UInt32(bitPattern: -200)
    case .input, .forward, .output: 0
    }
  }
}
