import Basics
import ContainerRunner

/// `process.scheduler` and `process.ioPriority`.
enum SchedulingReader {
  /// By their numbers in sched(7); there is no 4.
  private static let policies = [
    "SCHED_OTHER", "SCHED_FIFO", "SCHED_RR", "SCHED_BATCH", "SCHED_ISO", "SCHED_IDLE", "SCHED_DEADLINE",
  ]
  /// From bit 0 on.
  private static let flags = [
    "SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM", "SCHED_FLAG_DL_OVERRUN", "SCHED_FLAG_KEEP_POLICY",
    "SCHED_FLAG_KEEP_PARAMS", "SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX",
  ]
  /// From 1 on.
  private static let classes = ["IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE"]

  static func scheduler(_ process: Fields) -> SchedulerSpec? {
    let done = ["policy", "nice", "priority", "flags", "runtime", "deadline", "period"]
    guard let fields = process.object("scheduler", done: done) else { return nil }
    var result = SchedulerSpec()
    let policy = fields.string("policy") ?? ""
    if let number = policies.firstIndex(of: policy), policy != "SCHED_ISO" {
      result.policy = UInt32(number)
    } else {
      fields.refuse("policy", "\"\(policy)\" is no policy of this kernel")
    }
    for name in fields.strings("flags") {
      if let bit = flags.firstIndex(of: name) {
        result.flags |= 1 << UInt32(bit)
      } else {
        fields.refuse("flags", "\"\(name)\" is no flag of sched_setattr(2)")
      }
    }
    result.nice = Int32(clamping: fields.integer("nice") ?? 0)
    if !(-20...19).contains(result.nice) { fields.refuse("nice", "it must be -20 to 19") }
    result.priority = UInt32(clamping: fields.unsigned("priority") ?? 0)
    if result.priority > 99 { fields.refuse("priority", "it must be 0 to 99") }
    result.runtimeNanoseconds = fields.unsigned("runtime") ?? 0
    result.deadlineNanoseconds = fields.unsigned("deadline") ?? 0
    result.periodNanoseconds = fields.unsigned("period") ?? 0
    return result
  }

  static func ioPriority(_ process: Fields) -> UInt32? {
    guard let fields = process.object("ioPriority", done: ["class", "priority"]) else { return nil }
    let name = fields.string("class") ?? ""
    guard let number = classes.firstIndex(of: name) else {
      fields.refuse("class", "\"\(name)\" is no class of ioprio_set(2)")
      return nil
    }
    let priority = fields.unsigned("priority") ?? 0
    if priority > 7 { fields.refuse("priority", "it must be 0 to 7") }
    return UInt32(number + 1) << 13 | UInt32(clamping: priority)
  }
}

/// `linux.personality` and `linux.timeOffsets`.
enum PersonalityReader {
  static func personality(_ linux: Fields) -> UInt32? {
    guard let fields = linux.object("personality", done: ["domain"], refused: ["flags"]) else { return nil }
    switch fields.string("domain") ?? "" {
    case "LINUX": return 0
    case "LINUX32": return 8
    case let other:
      fields.refuse("domain", "\"\(other)\" is neither LINUX nor LINUX32")
      return nil
    }
  }

  /// Lines of /proc/PID/timens_offsets: clock, seconds, nanoseconds.
  static func timeOffsets(_ linux: Fields, _ namespaces: Namespaces) -> String {
    guard let fields = linux.object("timeOffsets", done: ["monotonic", "boottime"]) else { return "" }
    var text = ""
    for clock in ["monotonic", "boottime"] {
      guard let offset = fields.object(clock, done: ["secs", "nanosecs"]) else { continue }
      let nanoseconds = offset.unsigned("nanosecs") ?? 0
      if nanoseconds >= 1_000_000_000 { offset.refuse("nanosecs", "it must be below a second") }
      text += "\(clock) \(offset.integer("secs") ?? 0) \(nanoseconds)\n"
    }
    if !text.isEmpty, !namespaces.contains(.time) {
      linux.refuse("timeOffsets", "without a time namespace it would change the host's clocks")
    }
    return text
  }
}
