/// A seccomp filter as an OCI configuration describes it, for i386 and x86_64 programs.
public struct SeccompFilter: Sendable {
  /// The kernel's limit of a program (BPF_MAXINSNS).
  public static let maxInstructions = 4096

  /// A comparison of one argument of a call, all 64 bits of it.
  public struct Condition: Hashable, Sendable {
    public enum Operator: Sendable {
      case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
      /// The argument's bits that `mask` has are those of the value.
      case maskedEqual(mask: UInt64)
    }

    /// 0 to 5.
    public var argument: UInt32
    public var comparison: Operator
    public var value: UInt64

    public init(argument: UInt32, comparison: Operator, value: UInt64) {
      self.argument = argument
      self.comparison = comparison
      self.value = value
    }
  }

  /// What happens to a call of which all conditions hold.
  public struct Rule: Hashable, Sendable {
    public var conditions: [Condition]
    /// SECCOMP_RET_ of linux/seccomp.h, with its data.
    public var result: UInt32

    public init(conditions: [Condition], result: UInt32) {
      self.conditions = conditions
      self.result = result
    }
  }

  /// The calls of one kind of programs: rules by call number. Of a call's rules the first that holds counts, but those
  /// without conditions come last.
  public struct Calls: Sendable {
    public var rules: [[Rule]]

    /// - Parameter count: numbers from there on are unknown calls.
    public init(count: Int) {
      rules = Array(repeating: [], count: count)
    }
  }

  /// Nil: such programs are ended.
  public var i386: Calls?
  public var amd64: Calls?
  /// What happens to all other calls.
  public var defaultResult: UInt32

  public init(defaultResult: UInt32) {
    self.defaultResult = defaultResult
  }

  /// For a launch plan's step: two numbers an instruction.
  /// - Parameter is64Bit: the kernel runs x86_64 programs.
  public func numbers(is64Bit: Bool) -> [UInt32] {
    program(is64Bit: is64Bit).numbers
  }

  func program(is64Bit: Bool) -> BPFProgram {
    var amd64Part = BPFProgram()
    if let amd64, is64Bit {
      amd64Part.jump(ifEqual: SeccompProfile.Architecture.amd64, then: 1, otherwise: 0)
      amd64Part.end(.killProcess)
      amd64Part.append(part(amd64))
    } else {
      amd64Part.end(.killProcess)
    }
    var program = BPFProgram()
    program.load(.architecture)
    program.jump(ifEqual: SeccompProfile.Architecture.i386, then: 0, otherwise: 1)
    program.jump(amd64Part.count)
    program.append(amd64Part)
    if let i386 { program.append(part(i386)) } else { program.end(.killProcess) }
    return program
  }

  private struct Row {
    let first: UInt32
    let rules: [Rule]
  }

  private func part(_ calls: Calls) -> BPFProgram {
    var rows: [Row] = []
    for (number, rules) in calls.rules.enumerated() where rows.last?.rules != rules || rows.isEmpty {
      rows.append(Row(first: UInt32(number), rules: rules))
    }
    if rows.last?.rules.isEmpty != true { rows.append(Row(first: UInt32(calls.rules.count), rules: [])) }
    // The x32 ABI's numbers: never allowed, whatever the default is.
    rows.append(
      Row(first: 0x4000_0000, rules: [Rule(conditions: [], result: BPFProgram.Result.notImplemented.rawValue)]))
    var program = BPFProgram()
    program.load(.number)
    program.append(search(rows[...]))
    return program
  }

  private func search(_ rows: ArraySlice<Row>) -> BPFProgram {
    if rows.count == 1 { return verdict(rows[rows.startIndex].rules) }
    let middle = rows.startIndex + rows.count / 2
    let below = search(rows[..<middle])
    var program = BPFProgram()
    if below.count <= Int(UInt8.max) {
      program.jump(ifAtLeast: rows[middle].first, then: below.count, otherwise: 0)
    } else {
      program.jump(ifAtLeast: rows[middle].first, then: 0, otherwise: 1)
      program.jump(below.count)
    }
    program.append(below)
    program.append(search(rows[middle...]))
    return program
  }

  private func verdict(_ rules: [Rule]) -> BPFProgram {
    var program = BPFProgram()
    for rule in rules where !rule.conditions.isEmpty { program.append(rule.program) }
    let last = rules.first { $0.conditions.isEmpty }
    program.end(value: last?.result ?? defaultResult)
    return program
  }
}

extension SeccompFilter.Rule {
  /// Ends with the result, or goes on behind itself.
  fileprivate var program: BPFProgram {
    var rest = BPFProgram()
    rest.end(value: result)
    for condition in conditions.reversed() {
      var program = condition.program(failing: rest.count)
      program.append(rest)
      rest = program
    }
    return rest
  }
}

extension SeccompFilter.Condition.Operator: Hashable {}

extension SeccompFilter.Condition {
  /// Goes on behind itself if the condition holds, else skips `distance` more.
  fileprivate func program(failing distance: Int) -> BPFProgram {
    let low = UInt32(truncatingIfNeeded: value)
    let high = UInt32(truncatingIfNeeded: value >> 32)
    let field = BPFProgram.Field.firstArgument.rawValue + 8 * argument
    var program = BPFProgram()
    switch comparison {
    case .equal: program.addEqual(field, low, high, .max, .max, distance)
    case .maskedEqual(let mask):
      program.addEqual(
        field, low, high, UInt32(truncatingIfNeeded: mask), UInt32(truncatingIfNeeded: mask >> 32), distance)
    case .notEqual:
      program.load(offset: field + 4)
      program.jump(ifEqual: high, then: 0, otherwise: 2)
      program.load(offset: field)
      program.jump(ifEqual: low, then: distance, otherwise: 0)
    case .greater, .greaterOrEqual:
      program.load(offset: field + 4)
      program.jump(ifAbove: high, then: 3, otherwise: 0)
      program.jump(ifEqual: high, then: 0, otherwise: distance + 2)
      program.load(offset: field)
      if comparison == .greater {
        program.jump(ifAbove: low, then: 0, otherwise: distance)
      } else {
        program.jump(ifAtLeast: low, then: 0, otherwise: distance)
      }
    case .less, .lessOrEqual:
      program.load(offset: field + 4)
      program.jump(ifAbove: high, then: distance + 3, otherwise: 0)
      program.jump(ifEqual: high, then: 0, otherwise: 2)
      program.load(offset: field)
      if comparison == .less {
        program.jump(ifAtLeast: low, then: distance, otherwise: 0)
      } else {
        program.jump(ifAbove: low, then: distance, otherwise: 0)
      }
    }
    return program
  }
}

extension BPFProgram {
  fileprivate mutating func addEqual(
    _ field: UInt32, _ low: UInt32, _ high: UInt32, _ lowMask: UInt32, _ highMask: UInt32, _ distance: Int
  ) {
    var second = BPFProgram()
    second.load(offset: field)
    if lowMask != .max { second.and(lowMask) }
    second.jump(ifEqual: low, then: 0, otherwise: distance)
    load(offset: field + 4)
    if highMask != .max { and(highMask) }
    jump(ifEqual: high, then: 0, otherwise: distance + second.count)
    append(second)
  }
}
