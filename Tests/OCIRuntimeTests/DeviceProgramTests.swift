import Testing

@testable import OCIRuntime

/// Device rules as eBPF, run by an interpreter of the instructions that they are made of.
@Suite struct DeviceProgramTests {
  /// 1: allowed. Anything that the kernel's verifier would refuse is 99.
  private static func result(_ rules: [DeviceRule], _ kind: UInt64, _ access: UInt64, _ major: UInt64, _ minor: UInt64)
    -> UInt64
  {
    let program = DeviceProgram(rules).instructions
    let context = [access << 16 | kind, major, minor]
    var registers = [UInt64](repeating: 0, count: 11)
    var at = 0
    while at < program.count {
      let word = program[at]
      let target = Int(word >> 8 & 15)
      let source = Int(word >> 12 & 15)
      let offset = Int(word >> 16 & 0xFFFF)
      let value = UInt64(bitPattern: Int64(Int32(bitPattern: UInt32(word >> 32))))
      at += 1
      switch word & 0xFF {
      case 0x61: registers[target] = context[offset / 4]
      case 0xB7: registers[target] = value
      case 0xBF: registers[target] = registers[source]
      case 0x57: registers[target] &= value
      case 0x77: registers[target] >>= value
      case 0x15: at += registers[target] == value ? offset : 0
      case 0x55: at += registers[target] != value ? offset : 0
      case 0x95: return registers[0]
      default: return 99
      }
    }
    return 99
  }

  /// The kernel refuses a program that has any other, or that can run off its end.
  private static func everyInstructionIsReached(_ rules: [DeviceRule]) -> Bool {
    let program = DeviceProgram(rules).instructions
    var reached = Set<Int>()
    var waiting = [0]
    while let at = waiting.popLast() {
      if at >= program.count { return false }
      guard reached.insert(at).inserted else { continue }
      let code = program[at] & 0xFF
      if code == 0x15 || code == 0x55 { waiting.append(at + 1 + Int(program[at] >> 16 & 0xFFFF)) }
      if code != 0x95 { waiting.append(at + 1) }
    }
    return reached.count == program.count
  }

  @Test func theKernelWouldTakeIt() {
    let one = DeviceRule(isAllowed: true, kind: .block, major: 1, minor: 2, access: .read)
    #expect(Self.everyInstructionIsReached([]) && Self.everyInstructionIsReached([one, one]))
    #expect(Self.everyInstructionIsReached([DeviceRule(isAllowed: false)]))
    #expect(Self.everyInstructionIsReached([one, DeviceRule(isAllowed: false), one, DeviceRule(isAllowed: true), one]))
    #expect(Self.everyInstructionIsReached([DeviceRule(isAllowed: false, access: .make)] + DeviceRule.standard))
  }

  private static let character: UInt64 = 2, block: UInt64 = 1
  private static let make: UInt64 = 1, read: UInt64 = 2, write: UInt64 = 4

  @Test func nothingSaidIsAllowed() {
    #expect(Self.result([], Self.character, 7, 1, 1) == 1)
  }

  @Test func theLastRuleThatFitsCounts() {
    let rules = [
      DeviceRule(isAllowed: false), DeviceRule(isAllowed: true, kind: .character, major: 10),
      DeviceRule(isAllowed: false, kind: .character, major: 10, minor: 5),
    ]
    #expect(Self.result(rules, Self.character, Self.read, 10, 4) == 1)
    #expect(Self.result(rules, Self.character, Self.read, 10, 5) == 0)
    #expect(Self.result(rules, Self.block, Self.read, 10, 4) == 0)
    #expect(Self.result(rules, Self.character, Self.read, 11, 4) == 0)
  }

  @Test func allThatIsWantedMustBeAllowedAndNothingOfItRefused() {
    let reading = [DeviceRule(isAllowed: false), DeviceRule(isAllowed: true, kind: .block, minor: 3, access: .read)]
    #expect(Self.result(reading, Self.block, Self.read, 9, 3) == 1)
    #expect(Self.result(reading, Self.block, Self.read | Self.write, 9, 3) == 0)
    #expect(Self.result(reading, Self.block, Self.make, 9, 3) == 0)
    let noWriting = [DeviceRule(isAllowed: false, kind: .block, access: .write)]
    #expect(Self.result(noWriting, Self.block, Self.read, 9, 3) == 1)
    #expect(Self.result(noWriting, Self.block, Self.read | Self.write, 9, 3) == 0)
  }

  @Test func standardDevicesStay() {
    let rules = [DeviceRule(isAllowed: false)] + DeviceRule.standard
    #expect(Self.result(rules, Self.character, Self.read | Self.write, 1, 3) == 1)
    #expect(Self.result(rules, Self.character, Self.read, 136, 77) == 1)
    #expect(Self.result(rules, Self.character, Self.read, 1, 1) == 0)
    #expect(Self.result(rules, Self.block, Self.make, 8, 0) == 1)
    #expect(Self.result(rules, Self.block, Self.read, 8, 0) == 0)
  }
}
