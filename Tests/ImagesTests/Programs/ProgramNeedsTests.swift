import Basics
import Testing

@testable import Images

@Suite struct ProgramNeedsTests {
  private static let move: [UInt8] = [0x0F, 0x45, 0xD8]
  private static let vector: [UInt8] = [0x0F, 0x28, 0xC1]
  private static let ask: [UInt8] = [0x0F, 0xA2]
  private static let end: [UInt8] = [0xC3]

  @Test func codeThatAsksNothingNeedsWhatItHas() {
    #expect(needs(code: Self.times(4, Self.move + Self.end)) == ProgramNeeds(sure: .conditionalMove))
    #expect(needs(code: Self.times(4, Self.vector) + Self.end) == ProgramNeeds(sure: .sse))
  }

  @Test func someSitesMayBeChance() {
    #expect(needs(code: Self.times(3, Self.move) + Self.end) == ProgramNeeds(perhaps: .conditionalMove))
  }

  @Test func codeThatAsksMayChoose() {
    let code = Self.ask + Self.times(40, Self.vector + Self.move) + Self.end
    #expect(needs(code: code) == ProgramNeeds(perhaps: [.sse, .conditionalMove]))
  }

  @Test func whatCompilersSpreadIsNoChoice() {
    let code = Self.ask + Self.times(64, Self.vector + Self.move) + Self.end
    #expect(needs(code: code) == ProgramNeeds(sure: .conditionalMove, perhaps: .sse))
    let rare = code + Self.times(70_000, [0x90]) + Self.end
    #expect(needs(code: rare) == ProgramNeeds(perhaps: [.sse, .conditionalMove]))
  }

  @Test func locksMayGoWell() {
    #expect(needs(code: Self.times(100, [0xF0, 0xFF, 0x00]) + Self.end) == ProgramNeeds(perhaps: .lock))
  }

  @Test func tablesAmongCodeAreNoCode() {
    // The same bytes, and among them one that only a kernel's code has.
    let table = Self.times(8, Self.move) + [0xF4] + Self.end
    #expect(needs(code: [0x90, 0xC3] + table + [0x90, 0xC3]) == ProgramNeeds())
  }

  @Test func whatFillsUpIsNeverRun() {
    let filled = Self.end + [0x0F, 0x1F, 0x00]
    #expect(needs(code: Self.times(8, filled + [0x90])) == ProgramNeeds())
    #expect(needs(code: Self.times(8, [0x90, 0x0F, 0x1F, 0x00, 0xC3])) == ProgramNeeds(sure: .longNop))
  }

  @Test func aWindowsEndCutsNoInstruction() {
    let code = Self.times(40_000, [0x90, 0x8B, 0x84, 0x24, 0x0F, 0x45, 0xD8, 0x00] + Self.end)
    #expect(needs(code: code) == ProgramNeeds())
  }

  @Test func otherProcessorsAreSeenInTheHeader() {
    #expect(needs(ofFile: ElfFile(machine: 62, wordBytes: 8).bytes) == ProgramNeeds(sure: .amd64))
    #expect(needs(ofFile: ElfFile(machine: 62).bytes) == ProgramNeeds(sure: .amd64))
    #expect(needs(ofFile: ElfFile(machine: 40).bytes) == ProgramNeeds(sure: .foreign))
    #expect(needs(ofFile: ElfFile(machine: 3, wordBytes: 8).bytes) == ProgramNeeds(sure: .foreign))
  }

  @Test func partsOfProgramsAreNone() {
    #expect(needs(ofFile: ElfFile(type: 1).bytes) == nil)
    #expect(needs(ofFile: Array("%PDF-1.7 and more than fifty-two bytes, so that no header is cut".utf8)) == nil)
    #expect(needs(ofFile: []) == nil)
  }

  @Test func loadersAreNamed() {
    var file = ElfFile()
    file.code = Self.end
    file.loader = Array("/lib/ld-linux.so.2\0".utf8)
    #expect(needs(ofFile: file.bytes) == ProgramNeeds(loader: Array("/lib/ld-linux.so.2".utf8)))
    file.loader = Array("lib/ld-linux.so.2\0".utf8)
    #expect(needs(ofFile: file.bytes) == ProgramNeeds())
    file.loader = [0x2F] + [UInt8](repeating: 0x61, count: 200)
    #expect(needs(ofFile: file.bytes) == ProgramNeeds())
  }

  @Test func linkersMayHaveMarkedIt() {
    var file = ElfFile()
    file.code = Self.end
    // GNU_PROPERTY_X86_FEATURE_1_AND, then GNU_PROPERTY_X86_ISA_1_NEEDED.
    let other = word(0xC000_0002) + word(4) + word(3)
    let needed = word(0xC000_8002) + word(4) + word(1)
    file.note = word(4) + word(24) + word(5) + "GNU\0".utf8 + other + needed
    #expect(needs(ofFile: file.bytes) == ProgramNeeds(sure: [.conditionalMove, .mmx, .sse]))
    file.note = word(4) + word(12) + word(5) + "GNU\0".utf8 + other + needed
    #expect(needs(ofFile: file.bytes) == ProgramNeeds())
  }

  @Test func segmentsCountWhereSectionsAreGone() {
    var file = ElfFile()
    file.code = Self.times(4, Self.move) + Self.end
    file.hasSections = false
    #expect(needs(ofFile: file.bytes) == ProgramNeeds(sure: .conditionalMove))
  }

  @Test(arguments: [
    ("#!/bin/sh -e\n", "/bin/sh"), ("#! /usr/bin/env python3\n", "/usr/bin/env"), ("#!/bin/sh\n", "/bin/sh"),
  ])
  func scriptsHaveAnInterpreter(text: String, interpreter: String) {
    #expect(needs(ofFile: Array(text.utf8)) == ProgramNeeds(loader: Array(interpreter.utf8)))
  }

  @Test(arguments: ["#!sh\n", "#!", "#!/bin/sh", "#!\n/bin/sh\n"])
  func otherTextsHaveNone(text: String) {
    #expect(needs(ofFile: Array(text.utf8)) == nil)
  }

  @Test func aHeaderThatLiesLeadsNowhere() {
    var random = SeededRandom(seed: 6)
    var file = ElfFile()
    file.code = Self.times(100, Self.move + Self.end)
    file.loader = Array("/lib/ld.so\0".utf8)
    let good = file.bytes
    for _ in 0..<20_000 {
      var bytes = good
      for _ in 0..<4 { bytes[Int(random.below(200))] = UInt8(truncatingIfNeeded: random.next()) }
      _ = needs(ofFile: bytes)
    }
  }

  private static func times(_ count: Int, _ bytes: [UInt8]) -> [UInt8] { (0..<count).flatMap { _ in bytes } }

  private func needs(code: [UInt8]) -> ProgramNeeds? {
    var file = ElfFile()
    file.code = code
    return needs(ofFile: file.bytes)
  }

  private func needs(ofFile bytes: [UInt8]) -> ProgramNeeds? {
    ProgramNeeds { offset, count in bytes.dropFirst(Int(clamping: offset)).prefix(count) }
  }
}

private func word(_ number: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) } }

private func half(_ number: Int) -> [UInt8] { [UInt8(number & 0xFF), UInt8(number >> 8)] }

/// A program's file, just so much that it can be read.
private struct ElfFile {
  var type = 2
  var machine = 3
  var wordBytes = 4
  var code: [UInt8] = []
  var loader: [UInt8] = []
  var note: [UInt8] = []
  var hasSections = true

  var bytes: [UInt8] {
    let tables = 52 + 3 * 32 + 40
    let codeOffset = tables + loader.count + note.count
    var bytes: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, wordBytes == 4 ? 1 : 2, 1, 1] + [UInt8](repeating: 0, count: 9)
    bytes += half(type) + half(machine) + word(1) + word(0) + word(52) + word(52 + 3 * 32) + word(0)
    bytes += half(52) + half(32) + half(3) + half(hasSections ? 40 : 0) + half(hasSections ? 1 : 0) + half(0)
    bytes += segment(loader.isEmpty ? 0 : 3, tables, loader.count, flags: 4)
    bytes += segment(note.isEmpty ? 0 : 0x6474_E553, tables + loader.count, note.count, flags: 4)
    bytes += segment(1, codeOffset, code.count, flags: 5)
    bytes += word(0) + word(1) + word(6) + word(0) + word(UInt32(codeOffset)) + word(UInt32(code.count))
    bytes += [UInt8](repeating: 0, count: 16)
    return bytes + loader + note + code
  }

  private func segment(_ type: UInt32, _ offset: Int, _ count: Int, flags: UInt32) -> [UInt8] {
    word(type) + word(UInt32(offset)) + word(0) + word(0) + word(UInt32(count)) + word(0) + word(flags) + word(1)
  }
}
