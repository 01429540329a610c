import Basics

/// An instruction of i386 code, as far as it tells what a processor must have: how long it is, and what it asks for.
public struct Instruction: Equatable, Sendable {
  public enum Kind: Sendable {
    case plain
    /// RET, JMP and UD2: what stands behind it begins anew.
    case endsFlow
    /// A NOP of several bytes, with which compilers fill up what is never run, too.
    case padding
    /// CPUID: who asks may choose.
    case asksProcessor
    /// What a program hardly has, as it is the kernel's or of the past: these bytes are data.
    case unlikely
  }

  public private(set) var length = 1
  public private(set) var features: ProcessorFeatures = []
  public private(set) var kind = Kind.plain

  /// No instruction is longer, however many prefixes are before it: so many bytes must be there to decode one.
  public static let mostBytes = 32
  /// The processor takes 15 bytes in all.
  private static let mostPrefixes = 11

  private struct Prefixes {
    var has16BitOperands = false
    var has16BitAddresses = false
    var isLocked = false
    /// 0xF2 or 0xF3, else 0.
    var repeating: UInt8 = 0

    /// One of those that make an SSE instruction of an MMX one.
    var isMandatory: Bool { has16BitOperands || repeating != 0 }
  }

  /// Decodes what code begins with, of which at least `mostBytes` are there.
  public init(_ code: ArraySlice<UInt8>) {
    let start = code.startIndex
    var at = start
    let prefixes = Self.prefixes(code, &at)
    var opcode = code[at]
    let form: Operands
    var map: UInt8 = 0
    if opcode == 0x0F {
      at += 1
      opcode = code[at]
      map = 1
      if opcode == 0x38 || opcode == 0x3A {
        map = opcode == 0x38 ? 2 : 3
        at += 1
        opcode = code[at]
      }
    } else if opcode == 0xC4 || opcode == 0xC5 || opcode == 0x62, code[at + 1] >= 0xC0 {
      // VEX and EVEX: where the processor had them, LDS, LES and BOUND cannot have registers.
      features = .sse
      map = opcode == 0xC5 ? 1 : code[at + 1] & (opcode == 0xC4 ? 0x1F : 7)
      at += opcode == 0xC5 ? 2 : opcode == 0xC4 ? 3 : 4
      opcode = code[at]
    }
    switch map {
    case 0: form = Operands.oneByte(opcode)
    case 1: form = Operands.twoBytes(opcode)
    case 2: form = .modRM
    case 3: form = .modRMByte
    default: form = .unlikely
    }
    at += 1
    let modRM = code[at]
    let operandBytes = form.length(
      code[at...], has16BitOperands: prefixes.has16BitOperands, has16BitAddresses: prefixes.has16BitAddresses, opcode)
    length = at - start + operandBytes
    if form.isUnlikely { kind = .unlikely }
    if map == 0 { judge(oneByte: opcode, modRM) } else if features.isEmpty { judge(map, opcode, modRM, prefixes) }
    if prefixes.isLocked {
      // Only what changes memory can be locked.
      if form.hasModRM, modRM < 0xC0 { features.insert(.lock) } else { kind = .unlikely }
    }
  }

  private static func prefixes(_ code: ArraySlice<UInt8>, _ at: inout Int) -> Prefixes {
    var prefixes = Prefixes()
    for _ in 0..<mostPrefixes {
      switch code[at] {
      case 0x66: prefixes.has16BitOperands = true
      case 0x67: prefixes.has16BitAddresses = true
      case 0xF0: prefixes.isLocked = true
      case 0xF2, 0xF3: prefixes.repeating = code[at]
      // Of segments.
      case 0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65: break
      default: return prefixes
      }
      at += 1
    }
    return prefixes
  }

  private mutating func judge(oneByte opcode: UInt8, _ modRM: UInt8) {
    let (register, isRegister) = (modRM >> 3 & 7, modRM >= 0xC0)
    switch opcode {
    case 0xC2, 0xC3, 0xE9, 0xEB: kind = .endsFlow
    case 0xFF where register == 4: kind = .endsFlow
    case 0xFF where register > 1 && register & 1 == 1: kind = .unlikely
    case 0xFE where register > 1: kind = .unlikely
    case 0x8F, 0xC6, 0xC7: if register != 0 { kind = .unlikely }
    case 0xDA, 0xDB:
      // FCMOV, FUCOMI and FCOMI; FISTTP.
      if isRegister, register < 4 || opcode == 0xDB && register < 7 && register > 4 { features = .conditionalMove }
      if opcode == 0xDB, !isRegister, register == 1 { features = .sse }
    case 0xDD: if !isRegister, register == 1 { features = .sse }
    case 0xDF:
      if isRegister, register == 5 || register == 6 { features = .conditionalMove }
      if !isRegister, register == 1 { features = .sse }
    default: break
    }
  }

  private mutating func judge(_ map: UInt8, _ opcode: UInt8, _ modRM: UInt8, _ prefixes: Prefixes) {
    if map > 1 {
      features = .sse
      return
    }
    switch opcode {
    case 0x0B: kind = .endsFlow
    case 0x0D...0x0F, 0x18: features = .mmx
    case 0x10...0x17, 0x28...0x2F, 0x50...0x5F, 0xAE, 0xC2, 0xC3, 0xC6: features = .sse
    case 0x19...0x1F:
      features = .longNop
      if opcode == 0x1F { kind = .padding }
    case 0x40...0x4F: features = .conditionalMove
    case 0x60...0x77, 0x7C...0x7F, 0xC4, 0xC5, 0xD0...0xFE: features = prefixes.isMandatory ? .sse : .mmx
    case 0xA2: kind = .asksProcessor
    case 0xB8: if prefixes.repeating == 0xF3 { features = .sse }
    default: break
    }
  }
}
