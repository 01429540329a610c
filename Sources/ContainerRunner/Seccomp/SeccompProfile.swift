/// Which system calls a container may make, for i386 and x86_64 programs alike.
///
/// A call that is known and refused gives EPERM. One that is not known gives ENOSYS, on which C libraries fall back to
/// older calls; so does clone3, whose flags a filter cannot see. The x32 ABI counts as unknown.
public struct SeccompProfile: Sendable {
  /// What happens to a call.
  enum Verdict: Equatable, Sendable {
    case allowed
    case refused
    case missing
    /// Allowed without flags for new namespaces.
    case clone
    /// Allowed but for families that reach the host: AF_VSOCK, AF_ALG.
    case socket
    /// Allowed for Linux's own personalities.
    case personality
    /// Allowed but for what takes a file out of its project, or what is made in a directory: from where the kernel asks no
    /// capability for it, or asks the overlay's maker for it, a container would leave its disk budget.
    case ioctl
  }

  /// From this number on, this verdict.
  struct Row: Equatable, Sendable {
    let first: UInt32
    let verdict: Verdict

    init(_ first: UInt32, _ verdict: Verdict) {
      self.first = first
      self.verdict = verdict
    }
  }

  let i386: [Row]
  let amd64: [Row]

  /// As strict as Docker's default profile with its default capabilities.
  public static let standard = SeccompProfile(i386: SeccompProfile.i386, amd64: SeccompProfile.amd64)

  /// The numbers of the standard filter's step, made once: every container has the same.
  static func standardNumbers(is64Bit: Bool) -> [UInt32] {
    is64Bit ? numbersWith64Bit : numbersWithout64Bit
  }

  private static let numbersWith64Bit = standard.program(is64Bit: true).numbers
  private static let numbersWithout64Bit = standard.program(is64Bit: false).numbers

  /// The filter as a BPF program; without x86_64's half for a kernel that has none.
  func program(is64Bit: Bool) -> BPFProgram {
    var amd64Part = BPFProgram()
    if is64Bit {
      amd64Part.jump(ifEqual: Architecture.amd64, then: 1, otherwise: 0)
      amd64Part.end(.killProcess)
      amd64Part.append(SeccompProfile.part(amd64))
    } else {
      amd64Part.end(.killProcess)
    }
    var program = BPFProgram()
    program.load(.architecture)
    // The jump over the other part is longer than a conditional jump reaches.
    program.jump(ifEqual: Architecture.i386, then: 0, otherwise: 1)
    program.jump(amd64Part.count)
    program.append(amd64Part)
    program.append(SeccompProfile.part(i386))
    return program
  }

  /// AUDIT_ARCH_ of linux/audit.h.
  enum Architecture {
    static let i386: UInt32 = 0x4000_0003
    static let amd64: UInt32 = 0xC000_003E
  }

  private static func part(_ rows: [Row]) -> BPFProgram {
    var program = BPFProgram()
    program.load(.number)
    program.append(search(rows[...]))
    return program
  }

  /// A binary search for the row of the number in the accumulator: about eight comparisons, not two hundred.
  private static func search(_ rows: ArraySlice<Row>) -> BPFProgram {
    if rows.count == 1 { return verdict(rows[rows.startIndex].verdict) }
    let middle = rows.startIndex + rows.count / 2
    let below = search(rows[..<middle])
    var program = BPFProgram()
    program.jump(ifAtLeast: rows[middle].first, then: below.count, otherwise: 0)
    program.append(below)
    program.append(search(rows[middle...]))
    return program
  }

  private static func verdict(_ verdict: Verdict) -> BPFProgram {
    var program = BPFProgram()
    switch verdict {
    case .allowed: program.end(.allow)
    case .refused: program.end(.notPermitted)
    case .missing: program.end(.notImplemented)
    case .clone:
      program.load(.firstArgument)
      program.jump(ifAnyBit: newNamespaces, then: 1, otherwise: 0)
      program.end(.allow)
      program.end(.notPermitted)
    case .socket: program.add(.firstArgument, in: [38, 40], then: .notPermitted, otherwise: .allow)
    case .personality:
      program.add(
        .firstArgument, in: [0, 8, 0x20000, 0x20008, 0xFFFF_FFFF], then: .allow, otherwise: .notPermitted)
    case .ioctl: program.add(.secondArgument, in: fileAttributes, then: .notPermitted, otherwise: .allow)
    }
    return program
  }

  /// FS_IOC_FSSETXATTR, and FS_IOC_SETFLAGS of 64 and 32 bits (linux/fs.h).
  private static let fileAttributes: [UInt32] = [0x401C_5820, 0x4008_6602, 0x4004_6602]

  /// Every CLONE_NEW flag that clone(2) knows.
  private static let newNamespaces = Namespaces.standard.rawValue
}
