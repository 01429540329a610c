import Basics
import Testing

@testable import Images

/// Bytes as GNU as writes them; whole programs beside objdump are in Tests/system/test_program_peers.py.
@Suite struct InstructionTests {
  @Test(arguments: [
    ("90", 1), ("c3", 1), ("6a01", 2), ("6801000000", 5), ("66680100", 4), ("b801000000", 5), ("66b80100", 4),
    ("a101000000", 5), ("67a10100", 4), ("8b442408", 4), ("8b0401", 3), ("8b041d00000000", 7), ("8b0500000000", 6),
    ("8b8500000000", 6), ("678b4701", 4), ("678b0e3412", 5), ("f60001", 3), ("f6d8", 2), ("f70001000000", 6),
    ("66f7000100", 5), ("f7d8", 2), ("69c001000000", 6), ("6bc001", 3), ("c8010000", 4), ("c20400", 3),
    ("e800000000", 5), ("66e80000", 4), ("0f8400000000", 6), ("0fa4c101", 4), ("0fa5c1", 3), ("0fba2001", 4),
    ("9a000000000000", 7), ("f3a4", 2), ("64a100000000", 6), ("c70001000000", 6), ("66c7000100", 5), ("dbe3", 2),
    ("0fc7080f", 3), ("0fa2", 2), ("d9442404", 4), ("f390", 2),
  ])
  func aPentiumsAreMeasuredAndAskForNothing(hexadecimal: String, length: Int) {
    let instruction = decode(hexadecimal)
    #expect(instruction.length == length)
    #expect(instruction.features.isEmpty)
  }

  @Test(arguments: [
    ("0f45d8", 3, ProcessorFeatures.conditionalMove), ("dac9", 2, .conditionalMove), ("dbf1", 2, .conditionalMove),
    ("dfe9", 2, .conditionalMove), ("f0ff00", 3, .lock), ("f00fc708", 4, .lock), ("66f0ff00", 4, .lock),
    ("0f1f00", 3, .longNop), ("662e0f1f840000000000", 10, .longNop), ("f30f1efb", 4, .longNop),
    ("0f6ec0", 3, .mmx), ("0f77", 2, .mmx), ("0f70c000", 4, .mmx), ("0f0fc09e", 4, .mmx), ("0f28c1", 3, .sse),
    ("f20f2cc0", 4, .sse), ("660f6f00", 4, .sse), ("660f70c000", 5, .sse), ("0faef0", 3, .sse), ("dd08", 2, .sse),
    ("660f3a0fc108", 6, .sse), ("0f38f018", 4, .sse), ("c5f877", 3, .sse), ("c4e27958c0", 5, .sse),
    ("c4e37d39c101", 6, .sse), ("62f17c4858c1", 6, .sse), ("f30fb8c0", 4, .sse),
  ])
  func whatIsNewerIsNamed(hexadecimal: String, length: Int, features: ProcessorFeatures) {
    let instruction = decode(hexadecimal)
    #expect(instruction.length == length)
    #expect(instruction.features == features)
  }

  @Test(arguments: ["f4", "fa", "ec", "0f20c0", "c400", "6200", "f0ffc0", "f090", "fed0", "9a000000000000"])
  func whatProgramsDoNotHaveIsNoCode(hexadecimal: String) {
    #expect(decode(hexadecimal).kind == .unlikely)
  }

  @Test(arguments: ["c3", "c20400", "eb00", "e900000000", "ffe0", "ff2485000000", "0f0b"])
  func flowEnds(hexadecimal: String) {
    #expect(decode(hexadecimal).kind == .endsFlow)
  }

  @Test func aPrefixForMemoryThatIsNotThereIsNoLock() {
    #expect(decode("f001c8").features.isEmpty)
  }

  @Test func manyPrefixesEnd() {
    let instruction = Instruction([UInt8](repeating: 0x66, count: Instruction.mostBytes)[...])
    #expect(instruction.length < Instruction.mostBytes)
  }

  private func decode(_ hexadecimal: String) -> Instruction {
    let code = Hexadecimal.bytes(hexadecimal.utf8) ?? []
    return Instruction((code + [UInt8](repeating: 0, count: Instruction.mostBytes))[...])
  }
}
