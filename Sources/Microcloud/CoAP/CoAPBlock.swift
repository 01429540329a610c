/// The value of a Block1 or Block2 option: which piece of a body (RFC 7959 section 2.2).
public struct CoAPBlock: Equatable, Sendable {
  /// The exponent that on streams stands for several blocks of 1024 bytes in one message (BERT, RFC 8323 section 6).
  public static let bertExponent: UInt8 = 7
  /// 1024 bytes, the largest size of a datagram's block.
  public static let maximumExponent: UInt8 = 6
  public static let maximumBytes = 1024
  private static let maximumNumber: UInt64 = 1 << 20 - 1

  /// Counts blocks of this size from 0; 20 bits.
  public let number: UInt32
  /// Whether more follow.
  public let isMore: Bool
  /// SZX: the size is 16 times 2 to the power of it.
  public let exponent: UInt8

  /// Nil where the number has more than 20 bits.
  public init?(number: UInt64, isMore: Bool, exponent: UInt8) {
    guard number <= Self.maximumNumber, exponent <= Self.bertExponent else { return nil }
    self.number = UInt32(number)
    self.isMore = isMore
    self.exponent = exponent
  }

  /// The block that begins at an offset, which is a multiple of the size; nil if it is none, or too far.
  public init?(offset: UInt64, isMore: Bool, exponent: UInt8) {
    let bytes = UInt64(Self.bytes(exponent))
    guard offset % bytes == 0 else { return nil }
    self.init(number: offset / bytes, isMore: isMore, exponent: exponent)
  }

  /// Reads an option; nil if it has more than three bytes.
  public init?(_ option: CoAPOption) {
    guard option.value.count <= 3, let value = option.unsignedValue else { return nil }
    self.init(number: value >> 4, isMore: value >> 3 & 1 == 1, exponent: UInt8(value & 7))
  }

  public func option(_ number: CoAPOptionNumber) -> CoAPOption {
    CoAPOption(number, UInt64(self.number) << 4 | (isMore ? 8 : 0) | UInt64(exponent))
  }

  /// How many bytes a block has; of BERT each of the blocks in a message.
  public var bytes: Int { Self.bytes(exponent) }
  public var isBERT: Bool { exponent == Self.bertExponent }

  /// Where it begins in the body. At most 2^30, but an outside number all the same: 64 bits.
  public var offset: UInt64 { UInt64(number) * UInt64(bytes) }

  static func bytes(_ exponent: UInt8) -> Int { 16 << Int(min(exponent, maximumExponent)) }
}

/// The two options of block-wise transfer, as a message has them.
enum CoAPBlockOption {
  case absent
  case malformed
  case block(CoAPBlock)

  init(_ number: CoAPOptionNumber, in message: CoAPMessage) {
    guard let option = message.options[number] else {
      self = .absent
      return
    }
    self = CoAPBlock(option).map { .block($0) } ?? .malformed
  }
}

extension CoAPMessage {
  mutating func setBlock(_ number: CoAPOptionNumber, _ block: CoAPBlock?) {
    options.remove(number)
    if let block { options.add(block.option(number)) }
  }

  /// What tells requests about different things apart (RFC 7252 section 5.6, RFC 9175 section 3.3): method and options, less
  /// what only says how the message travels.
  var blockKey: [UInt8] {
    var key = [code.rawValue]
    var kept = CoAPOptions()
    for option in options.list {
      switch option.number {
      case .block1, .block2, .size1, .size2, .observe, .echo, .noResponse: break
      default: kept.add(option)
      }
    }
    // More options than a message may have cannot have come in one.
    do throws(CoAPError) { try kept.encode(payload: [], to: &key) } catch { return [] }
    return key
  }
}
