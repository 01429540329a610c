/// The options of a message in the order in which they are sent: by number, and as added where numbers are equal.
///
/// Encoding and decoding (RFC 7252 section 3.1) is the same for datagrams and for streams.
public struct CoAPOptions: Equatable, Sendable {
  /// More options than this in one message are refused.
  public static let maximumCount = 64
  /// The longest value that the encoding can express.
  public static let maximumValueBytes = 269 + 0xFFFF

  /// The options in order.
  public private(set) var list: [CoAPOption] = []

  /// No options.
  public init() {}

  /// Adds an option after those of the same or a lower number.
  public mutating func add(_ option: CoAPOption) {
    var index = list.count
    while index > 0, list[index - 1].number.rawValue > option.number.rawValue { index -= 1 }
    if index == list.count { list.append(option) } else { list.insert(option, at: index) }
  }

  /// Removes every option of this number.
  public mutating func remove(_ number: CoAPOptionNumber) {
    list.removeAll { $0.number == number }
  }

  /// The first option of this number.
  public subscript(_ number: CoAPOptionNumber) -> CoAPOption? {
    for index in list.indices where list[index].number.rawValue >= number.rawValue {
      return list[index].number == number ? list[index] : nil
    }
    return nil
  }

  /// The uint that the first option of this number holds; nil if it is absent or too long for 64 bits.
  public func unsigned(_ number: CoAPOptionNumber) -> UInt64? {
    self[number]?.unsignedValue
  }
}

extension CoAPOptions {
  /// About how many bytes they take in a message; enough but for long values.
  var byteEstimate: Int {
    list.reduce(1) { $0 + 3 + $1.value.count }
  }

  private static let payloadMarker: UInt8 = 0xFF
  /// Room for so many is made at once.
  private static let usualCount = 4

  /// Reads options from `bytes` up to the payload marker, which is stepped over, or up to the end.
  ///
  /// What is left of `bytes` is the payload; a marker with nothing after it is an error.
  public static func decode(from bytes: inout ArraySlice<UInt8>) throws(CoAPError) -> CoAPOptions {
    var options = CoAPOptions()
    options.list.reserveCapacity(usualCount)
    var number: UInt32 = 0
    var place = bytes.startIndex
    while place < bytes.endIndex {
      let initial = bytes[place]
      place += 1
      if initial == payloadMarker {
        if place == bytes.endIndex { throw .emptyPayload }
        break
      }
      number += try extended(initial >> 4, bytes, &place)
      let count = try extended(initial & 0xF, bytes, &place)
      guard number <= 0xFFFF else { throw .optionNumber }
      guard count <= UInt32(bytes.endIndex - place) else { throw .truncatedOption }
      guard options.list.count < maximumCount else { throw .tooManyOptions }
      let end = place + Int(count)
      options.list.append(CoAPOption(CoAPOptionNumber(rawValue: UInt16(number)), Array(bytes[place..<end])))
      place = end
    }
    bytes = bytes[place...]
    return options
  }

  /// A delta or a length: the nibble itself, or the bytes at `place` that it announces.
  private static func extended(
    _ nibble: UInt8, _ bytes: ArraySlice<UInt8>, _ place: inout Int
  ) throws(CoAPError) -> UInt32 {
    switch nibble {
    case 0..<13: return UInt32(nibble)
    case 13:
      guard place < bytes.endIndex else { throw .truncatedOption }
      place += 1
      return UInt32(bytes[place - 1]) + 13
    case 14:
      guard place + 1 < bytes.endIndex else { throw .truncatedOption }
      place += 2
      return UInt32(bytes[place - 2]) << 8 + UInt32(bytes[place - 1]) + 269
    default: throw .reservedOptionNibble
    }
  }

  /// Appends the options, and the payload after its marker unless it is empty.
  public func encode(payload: [UInt8], to output: inout [UInt8]) throws(CoAPError) {
    if list.count > Self.maximumCount { throw .tooManyOptions }
    var previous = 0
    for option in list {
      if option.value.count > Self.maximumValueBytes { throw .optionTooLong }
      let delta = Int(option.number.rawValue) - previous
      previous = Int(option.number.rawValue)
      output.append(Self.nibble(delta) << 4 | Self.nibble(option.value.count))
      Self.appendExtension(delta, to: &output)
      Self.appendExtension(option.value.count, to: &output)
      output += option.value
    }
    if payload.isEmpty { return }
    output.append(Self.payloadMarker)
    output += payload
  }

  private static func nibble(_ value: Int) -> UInt8 {
    value < 13 ? UInt8(value) : value < 269 ? 13 : 14
  }

  private static func appendExtension(_ value: Int, to output: inout [UInt8]) {
    switch value {
    case ..<13: break
    case ..<269: output.append(UInt8(value - 13))
    default:
      output.append(UInt8(truncatingIfNeeded: (value - 269) >> 8))
      output.append(UInt8(truncatingIfNeeded: value - 269))
    }
  }
}
