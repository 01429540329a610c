/// Device rules as a program of eBPF (linux/bpf.h), which is how control groups v2 have them.
///
/// The kernel gives the kind of device (2: character, 1: block), the access and the two numbers. The last rule that fits
/// counts, so the program asks them from the last to the first; what none fits is allowed, as v1 has it.
public struct DeviceProgram {
  /// As bpf(2) takes them.
  public private(set) var instructions: [UInt64] = []

  private enum Register {
    static let result: UInt8 = 0, context: UInt8 = 1, kind: UInt8 = 2, access: UInt8 = 3, major: UInt8 = 4
    static let minor: UInt8 = 5
    /// The context's, once all is read from it.
    static let scratch: UInt8 = 1
  }

  private enum Code {
    static let load: UInt8 = 0x61, move: UInt8 = 0xB7, copy: UInt8 = 0xBF, and: UInt8 = 0x57, shiftRight: UInt8 = 0x77
    static let jumpIfEqual: UInt8 = 0x15, jumpUnlessEqual: UInt8 = 0x55, exit: UInt8 = 0x95
  }

  public init(_ rules: [DeviceRule]) {
    append(Code.load, Register.kind, from: Register.context, offset: 0)
    append(Code.load, Register.major, from: Register.context, offset: 4)
    append(Code.load, Register.minor, from: Register.context, offset: 8)
    append(Code.copy, Register.access, from: Register.kind)
    append(Code.shiftRight, Register.access, value: 16)
    append(Code.and, Register.kind, value: 0xFFFF)
    for rule in rules.reversed() {
      append(rule)
      // The kernel refuses programs with instructions that are never reached.
      if rule.fitsAll { return }
    }
    end(1)
  }

  private mutating func append(_ rule: DeviceRule) {
    // How many instructions follow each test in its rule: what it skips if the rule does not fit.
    var after = 2
    var tests: [(code: UInt8, register: UInt8, value: UInt32)] = []
    if rule.kind != .any { tests.append((Code.jumpUnlessEqual, Register.kind, rule.kind == .block ? 1 : 2)) }
    if let major = rule.major { tests.append((Code.jumpUnlessEqual, Register.major, major)) }
    if let minor = rule.minor { tests.append((Code.jumpUnlessEqual, Register.minor, minor)) }
    let looksAtAccess = rule.access != .all
    if looksAtAccess { after += 3 }
    for (index, test) in tests.enumerated() {
      append(test.code, test.register, offset: UInt16(after + tests.count - index - 1), value: test.value)
    }
    if looksAtAccess {
      append(Code.copy, Register.scratch, from: Register.access)
      if rule.isAllowed {
        // All of what is wanted must be allowed; one thing that is refused is enough.
        append(Code.and, Register.scratch, value: ~rule.access.rawValue)
        append(Code.jumpUnlessEqual, Register.scratch, offset: 2, value: 0)
      } else {
        append(Code.and, Register.scratch, value: rule.access.rawValue)
        append(Code.jumpIfEqual, Register.scratch, offset: 2, value: 0)
      }
    }
    end(rule.isAllowed ? 1 : 0)
  }

  private mutating func end(_ result: UInt32) {
    append(Code.move, Register.result, value: result)
    append(Code.exit, 0)
  }

  private mutating func append(
    _ code: UInt8, _ register: UInt8, from source: UInt8 = 0, offset: UInt16 = 0, value: UInt32 = 0
  ) {
    let registers = UInt64(register | source << 4) << 8
    instructions.append(UInt64(code) | registers | UInt64(offset) << 16 | UInt64(value) << 32)
  }
}

extension DeviceRule {
  fileprivate var fitsAll: Bool { kind == .any && major == nil && minor == nil && access == .all }
}
