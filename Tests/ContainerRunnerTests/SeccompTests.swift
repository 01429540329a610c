import Testing

@testable import ContainerRunner

/// The filter, run by an interpreter of its own against the tables that it was made of.
@Suite struct SeccompTests {
  private static let allow: UInt32 = 0x7FFF_0000
  private static let refused: UInt32 = 0x0005_0001
  private static let missing: UInt32 = 0x0005_0026
  private static let kill: UInt32 = 0x8000_0000
  private static let i386: UInt32 = 0x4000_0003
  private static let amd64: UInt32 = 0xC000_003E

  /// What the kernel would do with a call (linux/filter.h's classic BPF, the four operations that filters here use).
  private static func result(
    _ program: BPFProgram, _ abi: UInt32, _ number: UInt32, _ argument: UInt32 = 0, second: UInt32 = 0
  ) -> UInt32 {
    var accumulator: UInt32 = 0
    var at = 0
    while true {
      let instruction = program.instructions[at]
      at += 1
      let isTrue: Bool
      switch instruction.code {
      case 0x20:
        accumulator = [0: number, 4: abi, 16: argument, 24: second][instruction.operand]!
        continue
      case 0x06: return instruction.operand
      case 0x05:
        at += Int(instruction.operand)
        continue
      case 0x15: isTrue = accumulator == instruction.operand
      case 0x35: isTrue = accumulator >= instruction.operand
      case 0x45: isTrue = accumulator & instruction.operand != 0
      default: return 0
      }
      at += Int(isTrue ? instruction.ifTrue : instruction.ifFalse)
    }
  }

  private static let program = SeccompProfile.standard.program(is64Bit: true)

  @Test(arguments: [(i386, SeccompProfile.i386), (amd64, SeccompProfile.amd64)])
  func everyNumberIsAsInTheTable(abi: UInt32, rows: [SeccompProfile.Row]) {
    for number: UInt32 in 0..<600 {
      let verdict = rows.last { $0.first <= number }!.verdict
      let expected: UInt32
      switch verdict {
      case .refused: expected = Self.refused
      case .missing: expected = Self.missing
      case .allowed, .clone, .socket, .personality, .ioctl: expected = Self.allow
      }
      #expect(Self.result(Self.program, abi, number) == expected, "call \(number)")
    }
  }

  /// Numbers from the kernel's own tables, so that a wrong table cannot agree with itself.
  @Test(
    arguments: [
      ("read", 3, 0, allow), ("execve", 11, 59, allow), ("exit_group", 252, 231, allow), ("mount", 21, 165, refused),
      ("umount2", 52, 166, refused), ("reboot", 88, 169, refused), ("init_module", 128, 175, refused),
      ("pivot_root", 217, 155, refused), ("unshare", 310, 272, refused), ("setns", 346, 308, refused),
      ("bpf", 357, 321, refused), ("keyctl", 288, 250, refused), ("perf_event_open", 336, 298, refused),
      ("kexec_load", 283, 246, refused), ("open_by_handle_at", 342, 304, refused),
      ("io_uring_setup", 425, 425, refused),
      ("move_mount", 429, 429, refused), ("clone3", 435, 435, missing), ("faccessat2", 439, 439, allow),
      ("userfaultfd", 374, 323, refused), ("add_key", 286, 248, refused), ("swapon", 87, 167, refused),
      ("ioctl", 54, 16, allow), ("fcntl", 55, 72, allow), ("quotactl", 131, 179, refused), ("pread64", 180, 17, allow),
    ] as [(String, UInt32, UInt32, UInt32)]) func wellKnownCalls(
      name: String, i386: UInt32, amd64: UInt32, expected: UInt32
    )
  {
    #expect(Self.result(Self.program, Self.i386, i386) == expected)
    #expect(Self.result(Self.program, Self.amd64, amd64) == expected)
  }

  @Test func time64CallsOfI386AreAllowed() {
    for number: UInt32 in [403, 407, 408, 414, 416, 422, 423] {
      #expect(Self.result(Self.program, Self.i386, number) == Self.allow)
      #expect(Self.result(Self.program, Self.amd64, number) == Self.missing)
    }
  }

  @Test(arguments: [(i386, 120, 359, 136), (amd64, 56, 41, 135)] as [(UInt32, UInt32, UInt32, UInt32)])
  func argumentsAreLookedAt(abi: UInt32, clone: UInt32, socket: UInt32, personality: UInt32) {
    #expect(Self.result(Self.program, abi, clone, 0x0120_0011) == Self.allow)  // fork
    #expect(Self.result(Self.program, abi, clone, 0x003D_0F00) == Self.allow)  // pthread_create
    for flag: UInt32 in [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
      #expect(Self.result(Self.program, abi, clone, flag | 0x11) == Self.refused)
    }
    #expect(Self.result(Self.program, abi, socket, 2) == Self.allow)
    #expect(Self.result(Self.program, abi, socket, 38) == Self.refused)
    #expect(Self.result(Self.program, abi, socket, 40) == Self.refused)
    #expect(Self.result(Self.program, abi, personality, 0xFFFF_FFFF) == Self.allow)
    #expect(Self.result(Self.program, abi, personality, 0x40000) == Self.refused)
  }

  /// Of linux/fs.h: what a file's project can be changed by, beside what only reads it and what is for terminals.
  @Test(arguments: [(i386, 54), (amd64, 16)] as [(UInt32, UInt32)])
  func filesStayInTheirProject(abi: UInt32, ioctl: UInt32) {
    for request: UInt32 in [0x401C_5820, 0x4008_6602, 0x4004_6602] {
      #expect(Self.result(Self.program, abi, ioctl, 3, second: request) == Self.refused)
    }
    for request: UInt32 in [0x801C_581F, 0x8008_6601, 0x8004_6601, 0x5401, 0x5413] {
      #expect(Self.result(Self.program, abi, ioctl, 3, second: request) == Self.allow)
    }
  }

  @Test func otherABIsAreRefused() {
    #expect(Self.result(Self.program, Self.amd64, 0x4000_0000) == Self.missing)  // x32's read
    #expect(Self.result(Self.program, 0xC000_00B7, 0) == Self.kill)  // arm64
    let small = SeccompProfile.standard.program(is64Bit: false)
    #expect(Self.result(small, Self.i386, 3) == Self.allow)
    #expect(Self.result(small, Self.amd64, 0) == Self.kill)
    #expect(small.count < Self.program.count)
  }

  @Test func programIsShortAndEveryCallQuick() {
    #expect(Self.program.count <= 600)
    // Through both dispatches and a tree of at most 128 leaves.
    #expect(SeccompProfile.i386.count <= 128 && SeccompProfile.amd64.count <= 128)
  }
}
