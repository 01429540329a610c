import Basics

/// What a program needs of a processor, as far as its file tells.
///
/// That a program needs a feature is said only where
/// - it is one of another processor or of 64 bits;
/// - its linker has marked that it needs it (GNU_PROPERTY_X86_ISA_1_NEEDED);
/// - its code has it and nowhere asks what the processor has (CPUID), so that nothing can be chosen;
/// - its code asks, but has the feature all over, as compilers spread CMOV.
///
/// Where it asks, and has a feature here and there, it may choose when it runs.
public struct ProgramNeeds: Equatable, Sendable {
  /// Without these it dies.
  public var sure: ProcessorFeatures
  /// These it has, and may do without.
  public var perhaps: ProcessorFeatures
  /// What the kernel starts instead of it, with its path: a program's dynamic linker, a script's interpreter. Empty: nothing.
  public var loader: [UInt8]

  public init(sure: ProcessorFeatures = [], perhaps: ProcessorFeatures = [], loader: [UInt8] = []) {
    self.sure = sure
    self.perhaps = perhaps
    self.loader = loader
  }

  /// How long a loader's path may be; nothing is known of one that is longer.
  public static let mostLoaderBytes = 127

  /// Reads what a file needs; nil: it is no program.
  ///
  /// - Parameter read: gives so many bytes from an offset on, fewer at the file's end. Each piece is gone when the next is asked
  ///   for.
  public init?(reading read: (_ offset: UInt64, _ count: Int) -> ArraySlice<UInt8>) {
    let start = Array(read(0, ElfHeader.byteCount))
    if start.starts(with: "#!".utf8) {
      guard let loader = Self.interpreter(read(2, Self.mostLoaderBytes)) else { return nil }
      self.init(loader: loader)
      return
    }
    guard let header = ElfHeader(start) else { return nil }
    if header.machine != .i386 {
      self.init(sure: header.machine == .amd64 ? .amd64 : .foreign)
      return
    }
    self.init()
    let segments = header.segments(read)
    for segment in segments { take(segment, read) }
    let sections = header.codeSections(read)
    let survey = CodeSurvey(reading: sections.isEmpty ? segments.filter { $0.isCode } : sections, read)
    let verdict = survey.verdict
    sure.formUnion(verdict.sure)
    perhaps = verdict.perhaps.subtracting(sure)
  }

  /// Of a script: what stands behind `#!`.
  private static func interpreter(_ line: ArraySlice<UInt8>) -> [UInt8]? {
    let path = line.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }.prefix { $0 > 0x20 }
    return path.first == UInt8(ascii: "/") && path.endIndex < line.endIndex ? Array(path) : nil
  }

  private mutating func take(_ segment: ElfPart, _ read: (UInt64, Int) -> ArraySlice<UInt8>) {
    switch segment.type {
    case ElfPart.loaderSegment:
      let path = read(segment.offset, Self.mostLoaderBytes + 1).prefix { $0 != 0 }
      if path.first == UInt8(ascii: "/"), path.count <= Self.mostLoaderBytes { loader = Array(path) }
    case ElfPart.propertySegment:
      // The least that can be marked: what every processor of 64 bits has.
      if ElfProperties(read(segment.offset, ElfProperties.mostBytes)).needsFeatures {
        sure.formUnion([.conditionalMove, .mmx, .sse])
      }
    default: break
    }
  }
}
