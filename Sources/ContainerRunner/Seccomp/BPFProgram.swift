/// A seccomp filter in classic BPF (linux/filter.h), written front to back with relative jumps.
struct BPFProgram: Equatable {
  struct Instruction: Equatable {
    var code: UInt16
    var ifTrue: UInt8 = 0
    var ifFalse: UInt8 = 0
    var operand: UInt32
  }

  /// Offsets in the kernel's seccomp_data; arguments are 64 bits, of which filters here need the low half.
  enum Field: UInt32 {
    case number = 0
    case architecture = 4
    case firstArgument = 16
    case secondArgument = 24
  }

  /// SECCOMP_RET_ values (linux/seccomp.h), errno in the low half.
  enum Result: UInt32 {
    case killProcess = 0x8000_0000
    case notPermitted = 0x0005_0001
    case notImplemented = 0x0005_0026
    case allow = 0x7FFF_0000
  }

  private(set) var instructions: [Instruction] = []

  var count: Int { instructions.count }

  /// The program as a launch plan's step holds it: two numbers an instruction, in sock_filter's layout.
  var numbers: [UInt32] {
    var numbers: [UInt32] = []
    for instruction in instructions {
      numbers.append(
        UInt32(instruction.code) | UInt32(instruction.ifTrue) << 16 | UInt32(instruction.ifFalse) << 24)
      numbers.append(instruction.operand)
    }
    return numbers
  }

  mutating func append(_ other: BPFProgram) {
    instructions.append(contentsOf: other.instructions)
  }

  mutating func load(_ field: Field) {
    load(offset: field.rawValue)
  }

  mutating func load(offset: UInt32) {
    instructions.append(Instruction(code: 0x20, operand: offset))
  }

  mutating func and(_ mask: UInt32) {
    instructions.append(Instruction(code: 0x54, operand: mask))
  }

  mutating func end(_ result: Result) {
    end(value: result.rawValue)
  }

  mutating func end(value: UInt32) {
    instructions.append(Instruction(code: 0x06, operand: value))
  }

  /// Skips so many instructions.
  mutating func jump(_ count: Int) {
    instructions.append(Instruction(code: 0x05, operand: UInt32(count)))
  }

  mutating func jump(ifEqual operand: UInt32, then: Int, otherwise: Int) {
    conditional(0x15, operand, then, otherwise)
  }

  mutating func jump(ifAtLeast operand: UInt32, then: Int, otherwise: Int) {
    conditional(0x35, operand, then, otherwise)
  }

  mutating func jump(ifAbove operand: UInt32, then: Int, otherwise: Int) {
    conditional(0x25, operand, then, otherwise)
  }

  mutating func jump(ifAnyBit operand: UInt32, then: Int, otherwise: Int) {
    conditional(0x45, operand, then, otherwise)
  }

  /// Conditional jumps reach 255 instructions; the tables are far from needing more, and a test would trap here first.
  private mutating func conditional(_ code: UInt16, _ operand: UInt32, _ then: Int, _ otherwise: Int) {
    instructions.append(
      Instruction(code: code, ifTrue: UInt8(then), ifFalse: UInt8(otherwise), operand: operand))
  }

  mutating func add(_ argument: Field, in values: [UInt32], then: Result, otherwise: Result) {
    load(argument)
    for (index, value) in values.enumerated() {
      jump(ifEqual: value, then: values.count - index, otherwise: 0)
    }
    end(otherwise)
    end(then)
  }
}
