import Basics

/// Measurements as SenML (RFC 8428): numbers under names.
public struct SenMLPack {
  /// The labels of the fields in CBOR (RFC 8428 section 6, table 6).
  private enum Label {
    static let baseName = -2
    static let baseTime = -3
    static let name = 0
    static let unit = 1
    static let value = 2
  }

  /// What a number counts (RFC 8428 section 12.1, RFC 8798).
  public enum Unit: String {
    case bytes = "B"
    case count = "count"
    case seconds = "s"
  }

  private var records: [CBORValue] = []
  /// What the next record begins with.
  private var base = CBORMap()

  public init() {}

  /// The records from here on are of one thing, whose name stands in front of theirs.
  ///
  /// - Parameters:
  ///   - name: what RFC 8428 section 4.5.1 does not allow in it becomes `-`.
  ///   - seconds: when it was measured, since 1970; nil: as what came before.
  public mutating func begin(_ name: String, seconds: UInt64? = nil) {
    base[key: Label.baseName] = .text(ASCII.string(name.utf8.map { Self.isPermitted($0) ? $0 : UInt8(ascii: "-") }))
    base[key: Label.baseTime] = seconds.map { .unsigned($0) }
  }

  /// Adds a measurement; nil is what nobody tells, which is not 0.
  public mutating func add(_ name: String, _ unit: Unit, _ number: UInt64?) {
    if let number { add(name, unit, .unsigned(number)) }
  }

  /// The same, in thousandths of the unit.
  public mutating func add(_ name: String, _ unit: Unit, thousandths: UInt64?) {
    guard let thousandths else { return }
    // A whole number says the same, and is shorter.
    let isWhole = thousandths % 1000 == 0
    add(name, unit, isWhole ? .unsigned(thousandths / 1000) : .float(Double(thousandths) / 1000))
  }

  private mutating func add(_ name: String, _ unit: Unit, _ number: CBORValue) {
    base[key: Label.name] = .text(name)
    base[key: Label.unit] = .text(unit.rawValue)
    base[key: Label.value] = number
    records.append(.map(base))
    base = CBORMap()
  }

  /// The pack, to be sent as `CoAPContentFormat.senmlCBOR`.
  public var value: CBORValue { .array(records) }

  private static func isPermitted(_ byte: UInt8) -> Bool {
    ASCII.isLetterOrDigit(byte) || "-:./_".utf8.contains(byte)
  }
}
