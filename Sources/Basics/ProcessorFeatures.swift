/// What a program may ask of a processor beyond what every Pentium has, as far as boards differ in it.
public struct ProcessorFeatures: OptionSet, Hashable, Sendable {
  public let rawValue: UInt16

  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// LOCK prefixes. The Quark X1000 knows them, but may end a program by SIGSEGV where one meets a page that is not there yet.
  public static let lock = ProcessorFeatures(rawValue: 1)
  /// CMOV, FCMOV and FCOMI.
  public static let conditionalMove = ProcessorFeatures(rawValue: 2)
  /// NOPs of several bytes, ENDBR among them.
  public static let longNop = ProcessorFeatures(rawValue: 4)
  /// MMX and 3DNow!.
  public static let mmx = ProcessorFeatures(rawValue: 8)
  /// SSE and what came after it.
  public static let sse = ProcessorFeatures(rawValue: 16)
  public static let amd64 = ProcessorFeatures(rawValue: 32)
  /// It is no x86 program at all.
  public static let foreign = ProcessorFeatures(rawValue: 64)

  /// How many there are: the lowest bits.
  public static let bits = names.count

  private static let names: [StaticString] = [
    "LOCK", "CMOV", "long NOPs", "MMX", "SSE", "x86_64", "a processor that is no x86",
  ]
}

extension ProcessorFeatures: CustomStringConvertible {
  /// `CMOV, SSE`.
  public var description: String {
    var text = ""
    for (bit, name) in Self.names.enumerated() where rawValue >> UInt16(bit) & 1 != 0 {
      text += "\(text.isEmpty ? "" : ", ")\(name)"
    }
    return text
  }
}
