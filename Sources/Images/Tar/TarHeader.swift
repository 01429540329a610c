import Basics

/// The 512 bytes before an entry: of the seventh Unix, ustar (POSIX.1-1988), GNU or star.
struct TarHeader {
  static let byteCount = 512

  private enum Format {
    case v7
    case ustar
    case gnu
    case star
  }

  private let bytes: [UInt8]
  private let format: Format

  /// Nil: a block of zeros, with which an archive ends.
  static func read(_ block: [UInt8]) throws(TarError.Reason) -> TarHeader? {
    let header = TarHeader(block)
    if try header.hasRightChecksum() { return header }
    if block.allSatisfy({ $0 == 0 }) { return nil }
    throw .wrongChecksum
  }

  private init(_ block: [UInt8]) {
    bytes = block
    let magic = block[257..<265]
    if magic.elementsEqual("ustar  \0".utf8) {
      format = .gnu
    } else if magic.starts(with: "ustar\0".utf8) {
      format = block[508...].elementsEqual("tar\0".utf8) ? .star : .ustar
    } else {
      format = .v7
    }
  }

  /// Old archivers summed bytes with sign.
  private func hasRightChecksum() throws(TarError.Reason) -> Bool {
    let field = 148..<156
    var unsigned = 0
    var signed = 0
    for (index, byte) in bytes.enumerated() {
      let counted = field.contains(index) ? ASCII.space : byte
      unsigned += Int(counted)
      signed += Int(Int8(bitPattern: counted))
    }
    guard let stored = octal(bytes[field]) else { return false }
    return stored == Int64(unsigned) || stored == Int64(signed)
  }

  // MARK: Fields

  var kind: UInt8 { bytes[156] }

  var name: [UInt8] {
    let name = text(0..<100)
    let prefix: ArraySlice<UInt8> =
      switch format {
      case .ustar: text(345..<500)
      case .star: text(345..<476)
      case .v7, .gnu: []
      }
    return prefix.isEmpty ? Array(name) : prefix + [TarPath.separator] + name
  }

  var linkName: [UInt8] { Array(text(157..<257)) }
  func mode() throws(TarError.Reason) -> UInt32 { try number(100..<108, below: 1 << 32) & 0o7777 }
  func user() throws(TarError.Reason) -> UInt32 { try number(108..<116, below: UInt64(UInt32.max)) }
  func group() throws(TarError.Reason) -> UInt32 { try number(116..<124, below: UInt64(UInt32.max)) }
  func modified() throws(TarError.Reason) -> Int64 { try signed(136..<148) }

  func sizeBytes() throws(TarError.Reason) -> UInt64 {
    let size = try signed(124..<136)
    guard size >= 0, size <= TarReader.maximumEntryBytes else { throw .invalidNumber }
    return UInt64(size)
  }

  func deviceMajor() throws(TarError.Reason) -> UInt32 { try deviceNumber(329..<337) }
  func deviceMinor() throws(TarError.Reason) -> UInt32 { try deviceNumber(337..<345) }

  private func deviceNumber(_ field: Range<Int>) throws(TarError.Reason) -> UInt32 {
    format == .v7 ? 0 : try number(field, below: 1 << 32)
  }

  private func text(_ field: Range<Int>) -> ArraySlice<UInt8> {
    bytes[field].prefix { $0 != 0 }
  }

  private func number(_ field: Range<Int>, below bound: UInt64) throws(TarError.Reason) -> UInt32 {
    let value = try signed(field)
    guard value >= 0, UInt64(value) < bound else { throw .invalidNumber }
    return UInt32(value)
  }

  /// Octal digits, or GNU's base 256: the first bit set, then a number in two's complement.
  private func signed(_ field: Range<Int>) throws(TarError.Reason) -> Int64 {
    guard bytes[field.lowerBound] & 0x80 != 0 else {
      guard let value = octal(bytes[field]) else { throw .invalidNumber }
      return value
    }
    // The first byte's second bit is the sign: with it spread over the marked bit, the bytes are one long number.
    let first = bytes[field.lowerBound]
    var value = Int64(Int8(bitPattern: first & 0x40 == 0 ? first & 0x7F : first))
    for byte in bytes[field].dropFirst() {
      let (shifted, isTooLong) = value.multipliedReportingOverflow(by: 256)
      if isTooLong { throw .invalidNumber }
      value = shifted | Int64(byte)
    }
    return value
  }

  /// Digits between blanks and NULs; an empty field is 0, as many archivers leave it.
  private func octal(_ field: ArraySlice<UInt8>) -> Int64? {
    let digits = ASCII.trim(field.drop { $0 == 0 || $0 == ASCII.space }.prefix { $0 != 0 })
    var value: Int64 = 0
    for byte in digits {
      guard (0x30...0x37).contains(byte) else { return nil }
      value = value << 3 | Int64(byte - 0x30)
    }
    // Twelve digits have 36 bits.
    return value
  }
}
