import ContainerRunner
import Images

/// `linux.seccomp`.
enum SeccompReader {
  static let actions = [
    "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
    "SCMP_ACT_LOG",
    "SCMP_ACT_TRAP",
  ]
  static let operators = [
    "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE",
  ]

  /// From bit 0 on.
  static let flags = ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"]

  /// seccomp(2)'s flags; what is refused is left out. A container's process has one thread, so TSYNC changes nothing.
  static func flagBits(_ linux: Fields) -> UInt32 {
    guard let value = linux["seccomp"]?["flags"]?.arrayValue else { return 0 }
    let numbers = value.compactMap { $0.stringValue }.compactMap { flags.firstIndex(of: $0) }
    return numbers.reduce(0) { $0 | UInt32(1) << UInt32($1) } & ~1
  }

  private static let done = ["defaultAction", "defaultErrnoRet", "architectures", "flags", "syscalls"]

  static func read(_ linux: Fields) -> SeccompFilter? {
    guard let fields = linux.object("seccomp", done: done, refused: ["listenerPath", "listenerMetadata"]) else {
      return nil
    }
    guard let standard = result(fields, "defaultAction", "defaultErrnoRet") else { return nil }
    var filter = SeccompFilter(defaultResult: standard)
    for flag in fields.strings("flags") where !flags.contains(flag) {
      fields.refuse("flags", "microrun does not do \"\(flag)\"")
    }
    let (i386, amd64) = architectures(fields)
    var i386Calls = NamedCalls(SyscallNames.i386)
    var amd64Calls = NamedCalls(SyscallNames.amd64)
    for call in fields.objects("syscalls", done: ["names", "action", "errnoRet", "args"]) {
      guard let result = result(call, "action", "errnoRet") else { continue }
      if result == standard { continue }
      let rules = alternatives(call).map { SeccompFilter.Rule(conditions: $0, result: result) }
      let names = call.strings("names")
      if names.isEmpty { call.refuse("names", "there are none") }
      for name in names {
        let isKnown = [i386Calls.add(rules, to: name), amd64Calls.add(rules, to: name)].contains(true)
        // A call that we do not know keeps the default. Where that allows it, a refusal would be lost.
        if !isKnown, standard == allow { call.refuse("names", "microrun does not know the system call \"\(name)\"") }
      }
    }
    if i386 { filter.i386 = i386Calls.calls }
    if amd64 { filter.amd64 = amd64Calls.calls }
    if filter.numbers(is64Bit: true).count / 2 > SeccompFilter.maxInstructions {
      fields.refuse("syscalls", "the filter would have more than \(SeccompFilter.maxInstructions) instructions")
    }
    return filter
  }

  private static let allow: UInt32 = 0x7FFF_0000

  /// None listed: those of the machine. The X32 ABI's calls are never there.
  private static func architectures(_ fields: Fields) -> (i386: Bool, amd64: Bool) {
    let listed = fields.strings("architectures")
    if listed.isEmpty { return (true, true) }
    for name in listed where name != "SCMP_ARCH_X32" && name != "SCMP_ARCH_X86" && name != "SCMP_ARCH_X86_64" {
      fields.refuse("architectures", "\"\(name)\" is no architecture of this machine")
    }
    return (listed.contains("SCMP_ARCH_X86"), listed.contains("SCMP_ARCH_X86_64"))
  }

  private static func result(_ fields: Fields, _ name: String, _ errnoName: String) -> UInt32? {
    let data = fields.id(errnoName) ?? 1  // EPERM
    if data > 4095 { fields.refuse(errnoName, "it must be 0 to 4095") }
    switch fields.string(name) ?? "" {
    case "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD": return 0
    case "SCMP_ACT_KILL_PROCESS": return 0x8000_0000
    case "SCMP_ACT_TRAP": return 0x3_0000
    case "SCMP_ACT_ERRNO": return 0x5_0000 | data
    case "SCMP_ACT_LOG": return 0x7FFC_0000
    case "SCMP_ACT_ALLOW": return allow
    case "":
      fields.refuse(name, "it is missing")
      return nil
    case let other:
      fields.refuse(name, "microrun does not do \"\(other)\"")
      return nil
    }
  }

  /// All conditions of a rule must hold; but several of one argument are alternatives, as other runtimes have it.
  private static func alternatives(_ call: Fields) -> [[SeccompFilter.Condition]] {
    let conditions = call.objects("args", done: ["index", "value", "valueTwo", "op"]).compactMap { condition($0) }
    let isOncePerArgument = conditions.allSatisfy { one in conditions.count { $0.argument == one.argument } == 1 }
    return isOncePerArgument ? [conditions] : conditions.map { [$0] }
  }

  private static func condition(_ fields: Fields) -> SeccompFilter.Condition? {
    guard let index = fields.id("index"), index < 6 else {
      fields.refuse("index", "it must be 0 to 5")
      return nil
    }
    let value = fields.unsigned("value") ?? 0
    let second = fields.unsigned("valueTwo") ?? 0
    switch fields.string("op") ?? "" {
    case "SCMP_CMP_EQ": return SeccompFilter.Condition(argument: index, comparison: .equal, value: value)
    case "SCMP_CMP_NE": return SeccompFilter.Condition(argument: index, comparison: .notEqual, value: value)
    case "SCMP_CMP_LT": return SeccompFilter.Condition(argument: index, comparison: .less, value: value)
    case "SCMP_CMP_LE": return SeccompFilter.Condition(argument: index, comparison: .lessOrEqual, value: value)
    case "SCMP_CMP_GT": return SeccompFilter.Condition(argument: index, comparison: .greater, value: value)
    case "SCMP_CMP_GE": return SeccompFilter.Condition(argument: index, comparison: .greaterOrEqual, value: value)
    case "SCMP_CMP_MASKED_EQ":
      return SeccompFilter.Condition(argument: index, comparison: .maskedEqual(mask: value), value: second)
    case let other:
      fields.refuse("op", "\"\(other)\" is no comparison")
      return nil
    }
  }
}

/// The calls of one kind of programs, by their names.
private struct NamedCalls {
  private let numbers: SyscallNumbers
  var calls: SeccompFilter.Calls

  init(_ table: StaticString) {
    numbers = SyscallNumbers(table)
    calls = SeccompFilter.Calls(count: numbers.count)
  }

  /// False: these programs have no such call.
  mutating func add(_ rules: [SeccompFilter.Rule], to name: String) -> Bool {
    guard let number = numbers[name] else { return false }
    calls.rules[number] += rules
    return true
  }
}
