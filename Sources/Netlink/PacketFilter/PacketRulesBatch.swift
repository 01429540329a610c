/// The messages that put a table in the place of the one of that name, in one transaction: at no time is there none, and
/// where one message is refused nothing has changed (linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h).
public struct PacketRulesBatch: Sendable {
  private var writer = NetlinkWriter()
  /// What each message is about, in their order.
  private var subjects: [String] = []
  private let rules: PacketRules

  public init(replacing rules: PacketRules) {
    self.rules = rules
    batchMark(Self.batchBegin)
    // A table that is not there cannot be deleted, so it is made first.
    table(Self.newTable)
    table(Self.deleteTable)
    table(Self.newTable)
    for (index, set) in rules.sets.enumerated() { add(set, id: UInt32(index + 1)) }
    // A rule may jump to any chain.
    for chain in rules.chains { add(chain) }
    for chain in rules.chains {
      for rule in chain.rules { add(rule, to: chain) }
    }
    batchMark(Self.batchEnd)
  }

  /// What is sent to the kernel, at once.
  public var bytes: [UInt8] { writer.bytes }

  /// The number of the last change, which the kernel acknowledges when all went well.
  public var lastSequence: UInt32 { UInt32(subjects.count - 2) }

  /// What the message of this number is about.
  public func subject(_ sequence: UInt32) -> String {
    sequence < UInt32(subjects.count) ? subjects[Int(sequence)] : rules.table
  }

  // Of netfilter (linux/netfilter.h, linux/netfilter/nfnetlink.h).
  private static let batchBegin: UInt16 = 0x10
  private static let batchEnd: UInt16 = 0x11
  private static let subsystem: UInt16 = 10
  private static let inet: UInt8 = 1
  // Of nf_tables: enum nf_tables_msg_types.
  private static let newTable: UInt16 = 0
  private static let deleteTable: UInt16 = 2
  private static let newChain: UInt16 = 3
  private static let newRule: UInt16 = 6
  private static let newSet: UInt16 = 9
  private static let newElements: UInt16 = 12
  /// Of a list, each of its elements; and a value (enum nft_list_attributes, enum nft_data_attributes).
  static let element: UInt16 = 1
  static let value: UInt16 = 1

  /// Family (1 byte), version (1), and whom the batch is for (2, in network order).
  private mutating func batchMark(_ type: UInt16) {
    let place = writer.begin(message: type, flags: 0, sequence: UInt32(subjects.count))
    writer.raw(0, 0, 0, UInt8(Self.subsystem))
    writer.end(place)
    subjects.append("table \(rules.table)")
  }

  /// Begins a change; returns its place, for the writer's `end`.
  @inline(never)
  private mutating func begin(_ type: UInt16, _ subject: String) -> Int {
    // Every change is acknowledged: some tens of short answers.
    let flags = NetlinkWriter.acknowledge | NetlinkWriter.create | (type == Self.newRule ? NetlinkWriter.append : 0)
    let place = writer.begin(
      message: Self.subsystem << 8 | type, flags: flags, sequence: UInt32(subjects.count))
    writer.raw(Self.inet, 0, 0, 0)
    writer.attribute(1, text: rules.table)
    subjects.append(subject)
    return place
  }

  private mutating func table(_ type: UInt16) {
    writer.end(begin(type, "table \(rules.table)"))
  }

  /// Name, type of the values (as nft(8) numbers them, to show them), their length and a number for this batch; then the
  /// elements, where there are any.
  private mutating func add(_ set: PacketSet, id: UInt32) {
    let (type, length, order): (UInt32, UInt32, UInt8) =
      switch set.elements {
      case .interfaces: (41, UInt32(PacketExpressions.interfaceNameBytes), 1)
      case .ports: (13, 2, 2)
      }
    let place = begin(Self.newSet, "set \(set.name)")
    writer.attribute(2, text: set.name)
    writer.attribute(4, big: type)
    writer.attribute(5, big: length)
    writer.attribute(10, big: id)
    // For nft(8) as well: which end of a value is first, the processor's (1) or the big one (2).
    writer.attribute(13, [0, 4, order, 0, 0, 0])
    writer.end(place)
    let values = set.elements.values
    if !values.isEmpty { add(values, to: set.name) }
  }

  private mutating func add(_ values: [[UInt8]], to set: String) {
    let place = begin(Self.newElements, "set \(set)")
    writer.attribute(2, text: set)
    let list = writer.begin(attributes: 3)
    for value in values.prefix(PacketSet.maximumElements) {
      let element = writer.begin(attributes: Self.element)
      let key = writer.begin(attributes: 1)
      writer.attribute(Self.value, value)
      writer.end(key)
      writer.end(element)
    }
    writer.end(list)
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
      writer.attribute(7, text: hook == .sourceTranslation ? "nat" : "filter")
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

extension PacketSet.Elements {
  fileprivate var values: [[UInt8]] {
    switch self {
    case .interfaces(let names): names.map { PacketExpressions.interface($0) }
    case .ports(let ports): ports.map { PacketExpressions.port($0) }
    }
  }
}

extension PacketChain.Hook {
  /// enum nf_inet_hooks.
  fileprivate var number: UInt32 {
    switch self {
    case .input: 1
    case .forward: 2
    case .output: 3
    case .sourceTranslation: 4
    }
  }

  /// enum nf_ip_hook_priorities.
  fileprivate var priority: UInt32 { self == .sourceTranslation ? 100 : 0 }
}
