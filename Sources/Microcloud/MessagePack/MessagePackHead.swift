/// The first bytes of an item: what it is, and its value, or how much of it follows.
enum MessagePackHead: Equatable {
  case null
  case bool(Bool)
  case unsigned(UInt64)
  /// Below 0.
  case negative(Int64)
  case float(Double)
  /// Bytes that follow: a string, or a byte array of any form.
  case raw(UInt64)
  /// Items that follow.
  case array(UInt64)
  /// Pairs of items that follow.
  case map(UInt64)
  /// Bytes that follow, with the type of the extension.
  case extended(UInt64)

  /// The head that `bytes` starts with, which leaves `bytes`; nil if they end inside it.
  static func take(from bytes: inout ArraySlice<UInt8>) throws(MessagePackError.Reason) -> MessagePackHead? {
    guard let form = bytes.first else { return nil }
    let count = argumentBytes(form)
    guard bytes.count > count else { return nil }
    var argument: UInt64 = 0
    for byte in bytes.dropFirst().prefix(count) { argument = argument << 8 | UInt64(byte) }
    let head = try MessagePackHead(form: form, argument: argument)
    bytes = bytes.dropFirst(1 + count)
    return head
  }

  /// How long the number after the first byte is.
  private static func argumentBytes(_ form: UInt8) -> Int {
    switch form {
    case 0xC4, 0xC7, 0xCC, 0xD0, 0xD9: 1
    case 0xC5, 0xC8, 0xCD, 0xD1, 0xDA, 0xDC, 0xDE: 2
    case 0xC6, 0xC9, 0xCA, 0xCE, 0xD2, 0xDB, 0xDD, 0xDF: 4
    case 0xCB, 0xCF, 0xD3: 8
    default: 0
    }
  }

  private init(form: UInt8, argument: UInt64) throws(MessagePackError.Reason) {
    switch form {
    case 0x00...0x7F: self = .unsigned(UInt64(form))
    case 0x80...0x8F: self = .map(UInt64(form & 0xF))
    case 0x90...0x9F: self = .array(UInt64(form & 0xF))
    case 0xA0...0xBF: self = .raw(UInt64(form & 0x1F))
    case 0xC0: self = .null
    case 0xC1: throw .reservedForm
    case 0xC2, 0xC3: self = .bool(form == 0xC3)
    case 0xC4...0xC6, 0xD9...0xDB: self = .raw(argument)
    case 0xC7...0xC9: self = .extended(argument + 1)
    case 0xCA: self = .float(Double(Float(bitPattern: UInt32(truncatingIfNeeded: argument))))
    case 0xCB: self = .float(Double(bitPattern: argument))
    case 0xCC...0xCF: self = .unsigned(argument)
    case 0xD0: self.init(signed: Int64(Int8(truncatingIfNeeded: argument)))
    case 0xD1: self.init(signed: Int64(Int16(truncatingIfNeeded: argument)))
    case 0xD2: self.init(signed: Int64(Int32(truncatingIfNeeded: argument)))
    case 0xD3: self.init(signed: Int64(bitPattern: argument))
    case 0xD4...0xD8: self = .extended(1 << UInt64(form - 0xD4) + 1)
    case 0xDC, 0xDD: self = .array(argument)
    case 0xDE, 0xDF: self = .map(argument)
    default: self = .negative(Int64(Int8(bitPattern: form)))
    }
  }

  private init(signed value: Int64) {
    self = value < 0 ? .negative(value) : .unsigned(UInt64(value))
  }
}

extension MessagePackError.Reason: Error {}
