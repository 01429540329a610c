/// Reads MessagePack that strangers sent, item by item as its caller asks, and builds nothing in between.
///
/// It takes what Go's decoders take: every form of string or byte array for one another, every form of integer that fits,
/// and nil for any zero value. Each call either succeeds or throws; after an error the reader is of no more use.
public struct MessagePackReader {
  /// The most fields of a struct.
  public static let maximumFields = 32
  /// The most items in one that is stepped over.
  public static let maximumSkippedItems: UInt64 = 128

  private let start: Int
  /// What is not yet read.
  public private(set) var rest: ArraySlice<UInt8>

  /// A reader of what `bytes` starts with.
  public init(_ bytes: ArraySlice<UInt8>) {
    start = bytes.startIndex
    rest = bytes
  }

  /// How many bytes are read.
  public var offset: Int { rest.startIndex - start }

  /// An error at the place that the reader has come to.
  public func error(_ reason: MessagePackError.Reason) -> MessagePackError {
    MessagePackError(reason, offset: offset)
  }

  @inline(never)
  private mutating func head() throws(MessagePackError) -> MessagePackHead {
    do throws(MessagePackError.Reason) {
      if let head = try MessagePackHead.take(from: &rest) { return head }
    } catch {
      throw self.error(error)
    }
    throw error(.truncated)
  }

  /// Steps over an item of any type, which is not known and hence not large.
  @inline(never)
  public mutating func skip() throws(MessagePackError) {
    var skipper = MessagePackSkipper(maximumItems: Self.maximumSkippedItems)
    do throws(MessagePackError.Reason) {
      if try skipper.advance(through: &rest) { return }
    } catch {
      throw self.error(error)
    }
    throw error(.truncated)
  }

  /// Goes on stepping over an item of which not all is there; whether its end is reached. It is `truncated` only if
  /// nothing at all could be stepped over.
  mutating func skip(_ skipper: inout MessagePackSkipper) throws(MessagePackError) -> Bool {
    let place = offset
    do throws(MessagePackError.Reason) {
      if try skipper.advance(through: &rest) { return true }
    } catch {
      throw self.error(error)
    }
    if offset == place { throw error(.truncated) }
    return false
  }
}

// One item of a type that the caller knows.
extension MessagePackReader {
  /// An integer from 0 on.
  @inline(never)
  public mutating func unsigned() throws(MessagePackError) -> UInt64 {
    let place = offset
    switch try head() {
    case .unsigned(let value): return value
    case .null: return 0
    case .negative: throw MessagePackError(.outOfRange, offset: place)
    default: throw MessagePackError(.unexpectedType, offset: place)
    }
  }

  /// An integer from 0 on that fits in a narrower type.
  public mutating func unsigned<Number: FixedWidthInteger & UnsignedInteger>(
    as type: Number.Type
  ) throws(MessagePackError) -> Number {
    let place = offset
    guard let number = Number(exactly: try unsigned()) else { throw MessagePackError(.outOfRange, offset: place) }
    return number
  }

  /// An integer of either sign.
  @inline(never)
  public mutating func integer() throws(MessagePackError) -> Int64 {
    let place = offset
    switch try head() {
    case .negative(let value): return value
    case .null: return 0
    case .unsigned(let value):
      guard let value = Int64(exactly: value) else { throw MessagePackError(.outOfRange, offset: place) }
      return value
    default: throw MessagePackError(.unexpectedType, offset: place)
    }
  }

  /// A number as a float.
  @inline(never)
  public mutating func double() throws(MessagePackError) -> Double {
    let place = offset
    switch try head() {
    case .float(let value): return value
    case .unsigned(let value): return Double(value)
    case .negative(let value): return Double(value)
    case .null: return 0
    default: throw MessagePackError(.unexpectedType, offset: place)
    }
  }

  @inline(never)
  public mutating func bool() throws(MessagePackError) -> Bool {
    let place = offset
    switch try head() {
    case .bool(let value): return value
    case .null: return false
    default: throw MessagePackError(.unexpectedType, offset: place)
    }
  }

  /// The bytes of a string or byte array, of at most `limit` bytes; empty for nil.
  @inline(never)
  public mutating func raw(limit: Int = .max) throws(MessagePackError) -> ArraySlice<UInt8> {
    let place = offset
    switch try head() {
    case .raw(let count):
      if count > UInt64(limit) { throw MessagePackError(.tooLong, offset: place) }
      guard count <= UInt64(rest.count) else { throw error(.truncated) }
      defer { rest = rest.dropFirst(Int(count)) }
      return rest.prefix(Int(count))
    case .null: return []
    default: throw MessagePackError(.unexpectedType, offset: place)
    }
  }

  /// A string; what is not UTF-8 in it becomes U+FFFD.
  public mutating func text(limit: Int = .max) throws(MessagePackError) -> String {
    String(decoding: try raw(limit: limit), as: UTF8.self)
  }

  /// How many bytes of a string or byte array follow, for one that is too large to be there as a whole.
  public mutating func rawHead() throws(MessagePackError) -> UInt64 {
    let place = offset
    switch try head() {
    case .raw(let count): return count
    case .null: return 0
    default: throw MessagePackError(.unexpectedType, offset: place)
    }
  }

  /// How many items follow: none for nil. More than `limit` are an error.
  @inline(never)
  public mutating func array(limit: Int = .max) throws(MessagePackError) -> UInt64 {
    let place = offset
    switch try head() {
    case .array(let count) where count <= UInt64(limit): return count
    case .array: throw MessagePackError(.tooLong, offset: place)
    case .null: return 0
    default: throw MessagePackError(.unexpectedType, offset: place)
    }
  }

  /// How many pairs of items follow: none for nil. More than `limit` are an error.
  @inline(never)
  public mutating func map(limit: Int = .max) throws(MessagePackError) -> UInt64 {
    let place = offset
    switch try head() {
    case .map(let count) where count <= UInt64(limit): return count
    case .map: throw MessagePackError(.tooLong, offset: place)
    case .null: return 0
    default: throw MessagePackError(.unexpectedType, offset: place)
    }
  }

  /// The byte that stands here, which is not MessagePack.
  mutating func byte() throws(MessagePackError) -> UInt8 {
    guard let byte = rest.popFirst() else { throw error(.truncated) }
    return byte
  }

  /// Steps over nil if it stands here.
  public mutating func takeNull() -> Bool {
    guard rest.first == 0xC0 else { return false }
    rest = rest.dropFirst()
    return true
  }
}

// A struct: a map under the names of its fields, in any order, with fields that we do not know.
extension MessagePackReader {
  /// The fields of a struct that are still to come.
  public struct Fields {
    fileprivate var remaining: UInt64
  }

  /// The name of a field, which `switch` compares with literals.
  public struct FieldName {
    fileprivate let bytes: ArraySlice<UInt8>

    @inline(never)
    public static func ~= (name: StaticString, field: FieldName) -> Bool {
      name.withUTF8Buffer { $0.elementsEqual(field.bytes) }
    }
  }

  /// The head of a struct.
  ///
  ///     var fields = try reader.fields()
  ///     while let name = try reader.next(&fields) {
  ///       switch name {
  ///       case "SeqNo": sequence = try reader.unsigned(as: UInt32.self)
  ///       default: try reader.skip()
  ///       }
  ///     }
  public mutating func fields() throws(MessagePackError) -> Fields {
    Fields(remaining: try map(limit: Self.maximumFields))
  }

  /// The name of the next field, whose value has to be read before the next call; nil after the last one.
  @inline(never)
  public mutating func next(_ fields: inout Fields) throws(MessagePackError) -> FieldName? {
    if fields.remaining == 0 { return nil }
    fields.remaining -= 1
    return try fieldName()
  }

  /// The name of a field in a struct of which only a part is there.
  @inline(never)
  mutating func fieldName() throws(MessagePackError) -> FieldName {
    FieldName(bytes: try raw())
  }
}
