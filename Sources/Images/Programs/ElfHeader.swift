/// The first bytes of an ELF file that can be run: for which processor it is, and where its tables are.
struct ElfHeader {
  enum Machine {
    case i386
    case amd64
    case other
  }

  static let byteCount = 52
  /// Of more only the first are looked at.
  private static let mostParts = 1024

  let machine: Machine
  private let bytes: ArraySlice<UInt8>

  /// Nil: it is something else, or a part of a program.
  init?(_ start: [UInt8]) {
    guard start.count >= Self.byteCount, start.starts(with: [0x7F, 0x45, 0x4C, 0x46]) else { return nil }
    bytes = start[...]
    let (isSmall, hasLowByteFirst) = (start[4] == 1, start[5] == 1)
    let type = hasLowByteFirst ? bytes.number(2, at: 16) : UInt32(start[17])
    guard type == 2 || type == 3 else { return nil }
    switch bytes.number(2, at: 18) {
    case 3 where isSmall && hasLowByteFirst: machine = .i386
    case 62 where hasLowByteFirst: machine = .amd64
    default: machine = .other
    }
  }

  /// What is loaded of it, and how.
  func segments(_ read: (UInt64, Int) -> ArraySlice<UInt8>) -> [ElfPart] {
    parts(at: 28, count: 44, ElfPart.segmentBytes, read) { ElfPart(segment: $0) }
  }

  /// Its sections that are code; none where its table of sections is gone.
  func codeSections(_ read: (UInt64, Int) -> ArraySlice<UInt8>) -> [ElfPart] {
    parts(at: 32, count: 48, ElfPart.sectionBytes, read) { ElfPart(section: $0) }.filter { $0.isCode }
  }

  private func parts(
    at offsetField: Int, count countField: Int, _ partBytes: Int,
    _ read: (UInt64, Int) -> ArraySlice<UInt8>, _ part: (ArraySlice<UInt8>) -> ElfPart
  ) -> [ElfPart] {
    guard bytes.number(2, at: countField - 2) == UInt32(partBytes) else { return [] }
    let count = min(Int(bytes.number(2, at: countField)), Self.mostParts)
    let table = read(UInt64(bytes.number(4, at: offsetField)), count * partBytes)
    return (0..<table.count / partBytes).map { part(table.dropFirst($0 * partBytes).prefix(partBytes)) }
  }
}

/// A segment or a section of an i386 program.
struct ElfPart {
  static let loaderSegment: UInt32 = 3
  /// PT_GNU_PROPERTY.
  static let propertySegment: UInt32 = 0x6474_E553
  static let segmentBytes = 32
  static let sectionBytes = 40

  let type: UInt32
  let offset: UInt64
  let byteCount: UInt64
  let isCode: Bool

  init(segment: ArraySlice<UInt8>) {
    type = segment.number(4, at: 0)
    offset = UInt64(segment.number(4, at: 4))
    byteCount = UInt64(segment.number(4, at: 16))
    // PT_LOAD with PF_X.
    isCode = type == 1 && segment.number(4, at: 24) & 1 != 0
  }

  init(section: ArraySlice<UInt8>) {
    type = section.number(4, at: 4)
    offset = UInt64(section.number(4, at: 16))
    byteCount = UInt64(section.number(4, at: 20))
    // SHT_PROGBITS with SHF_EXECINSTR.
    isCode = type == 1 && section.number(4, at: 8) & 4 != 0
  }
}

/// The note in which a linker says what a program needs.
struct ElfProperties {
  /// It is small where it is one.
  static let mostBytes = 512
  /// NT_GNU_PROPERTY_TYPE_0.
  private static let noteType: UInt32 = 5
  /// GNU_PROPERTY_X86_ISA_1_NEEDED.
  private static let needed: UInt32 = 0xC000_8002

  private let note: ArraySlice<UInt8>

  init(_ note: ArraySlice<UInt8>) {
    self.note = note
  }

  var needsFeatures: Bool {
    guard note.number(4, at: 0) == 4, note.number(4, at: 8) == Self.noteType,
      note.dropFirst(12).starts(with: "GNU\0".utf8)
    else { return false }
    var rest = note.dropFirst(16).prefix(Int(clamping: note.number(4, at: 4)))
    while rest.count >= 12 {
      if rest.number(4, at: 0) == Self.needed { return rest.number(4, at: 8) != 0 }
      let bytes = (UInt64(rest.number(4, at: 4)) + 3) & ~3
      rest = rest.dropFirst(Int(clamping: 8 + bytes))
    }
    return false
  }
}

extension ArraySlice<UInt8> {
  /// The number at an offset, the low byte first; what is not there counts as 0.
  fileprivate func number(_ count: Int, at offset: Int) -> UInt32 {
    dropFirst(offset).prefix(count).reversed().reduce(0) { $0 << 8 | UInt32($1) }
  }
}
