import Testing

@testable import ContainerRunner

/// Filters that others describe, run by an interpreter.
@Suite struct SeccompFilterTests {
  private static let amd64: UInt32 = 0xC000_003E
  private static let i386: UInt32 = 0x4000_0003
  private static let allow: UInt32 = 0x7FFF_0000
  private static let refused: UInt32 = 0x0005_0001
  private static let standard: UInt32 = 0x0005_0026

  static func result(_ program: BPFProgram, _ abi: UInt32, _ number: UInt32, _ arguments: [UInt64] = []) -> UInt32 {
    var data: [UInt32] = [number, abi, 0, 0]
    for argument in arguments + Array(repeating: 0, count: 6 - arguments.count) {
      data += [UInt32(truncatingIfNeeded: argument), UInt32(truncatingIfNeeded: argument >> 32)]
    }
    var accumulator: UInt32 = 0
    var at = 0
    while true {
      let instruction = program.instructions[at]
      let operand = instruction.operand
      at += 1
      let isTrue: Bool
      switch instruction.code {
      case 0x20:
        accumulator = data[Int(operand) / 4]
        continue
      case 0x54:
        accumulator &= operand
        continue
      case 0x06: return operand
      case 0x05:
        at += Int(operand)
        continue
      case 0x15: isTrue = accumulator == operand
      case 0x25: isTrue = accumulator > operand
      case 0x35: isTrue = accumulator >= operand
      default: return 0xBAD
      }
      at += Int(isTrue ? instruction.ifTrue : instruction.ifFalse)
    }
  }

  private static func filter(_ change: (inout SeccompFilter.Calls) -> Void) -> BPFProgram {
    var filter = SeccompFilter(defaultResult: standard)
    var calls = SeccompFilter.Calls(count: 451)
    change(&calls)
    filter.amd64 = calls
    return filter.program(is64Bit: true)
  }

  /// Rules without pattern, so that hardly two numbers beside each other are alike: jumps are longer than a conditional one reaches.
  @Test func everyNumberHasItsRule() {
    let program = Self.filter { calls in
      for number in calls.rules.indices where number % 3 != 1 {
        calls.rules[number] = [.init(conditions: [], result: number % 3 == 0 ? Self.allow : 0x5_0000 | UInt32(number))]
      }
    }
    #expect(program.count > 512 && program.count <= SeccompFilter.maxInstructions)
    for number: UInt32 in 0..<451 {
      let expected = number % 3 == 0 ? Self.allow : number % 3 == 1 ? Self.standard : 0x5_0000 | number
      #expect(Self.result(program, Self.amd64, number) == expected, "call \(number)")
    }
    #expect(Self.result(program, Self.amd64, 451) == Self.standard)
    #expect(Self.result(program, Self.amd64, 0x3FFF_FFFF) == Self.standard)
    // x32, and an architecture that the configuration does not name.
    #expect(Self.result(program, Self.amd64, 0x4000_0000) == 0x5_0026)
    #expect(Self.result(program, Self.i386, 3) == 0x8000_0000)
    #expect(Self.result(program, 0xC000_00B7, 3) == 0x8000_0000)
  }

  private static let wide: UInt64 = 0x1_0000_0005

  /// Each comparison with what is below, equal and above, in the high half and in the low one.
  @Test(
    arguments: [
      (.equal, [false, false, true, false, false]), (.notEqual, [true, true, false, true, true]),
      (.less, [true, true, false, false, false]), (.lessOrEqual, [true, true, true, false, false]),
      (.greater, [false, false, false, true, true]), (.greaterOrEqual, [false, false, true, true, true]),
      (.maskedEqual(mask: 0xFFFF_FFFF_0000_0000), [false, true, false, false, false]),
    ] as [(SeccompFilter.Condition.Operator, [Bool])]) func comparisons(
      comparison: SeccompFilter.Condition.Operator, holds: [Bool]
    )
  {
    var value = Self.wide
    if case .maskedEqual = comparison { value = 0x1_0000_0000 }
    let condition = SeccompFilter.Condition(argument: 2, comparison: comparison, value: value)
    let program = Self.filter { $0.rules[9] = [.init(conditions: [condition], result: Self.refused)] }
    let arguments: [UInt64] = [0xFFFF_FFFF, 0x1_0000_0004, Self.wide, 0x1_0000_0006, 0x2_0000_0000]
    for (argument, holds) in zip(arguments, holds) {
      var expected = holds
      // All numbers with that high half are the same to the mask.
      if case .maskedEqual = comparison { expected = argument >> 32 == 1 }
      #expect(
        Self.result(program, Self.amd64, 9, [7, 7, argument]) == (expected ? Self.refused : Self.standard),
        "\(argument)")
      #expect(Self.result(program, Self.amd64, 10, [7, 7, argument]) == Self.standard)
    }
  }

  @Test func allConditionsOfARuleAndTheFirstRuleThatHolds() {
    func equal(_ argument: UInt32, _ value: UInt64) -> SeccompFilter.Condition {
      SeccompFilter.Condition(argument: argument, comparison: .equal, value: value)
    }
    let program = Self.filter {
      $0.rules[9] = [
        .init(conditions: [], result: Self.allow),
        .init(conditions: [equal(0, 1), equal(5, Self.wide)], result: 0x5_0002),
        .init(conditions: [equal(0, 1)], result: 0x5_0003),
      ]
    }
    #expect(Self.result(program, Self.amd64, 9, [1, 0, 0, 0, 0, Self.wide]) == 0x5_0002)
    #expect(Self.result(program, Self.amd64, 9, [1, 0, 0, 0, 0, 5]) == 0x5_0003)
    #expect(Self.result(program, Self.amd64, 9, [2, 0, 0, 0, 0, Self.wide]) == Self.allow)
  }

  @Test func aKernelOf32BitsHasOneHalf() {
    var filter = SeccompFilter(defaultResult: Self.standard)
    filter.i386 = SeccompFilter.Calls(count: 10)
    filter.i386?.rules[4] = [.init(conditions: [], result: Self.allow)]
    let program = filter.program(is64Bit: false)
    #expect(Self.result(program, Self.i386, 4) == Self.allow && Self.result(program, Self.i386, 5) == Self.standard)
    #expect(Self.result(program, Self.amd64, 4) == 0x8000_0000)
  }
}
