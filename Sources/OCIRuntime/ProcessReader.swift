import ContainerRunner
import Images

extension ProcessConfig {
  static let done = [
    "terminal", "consoleSize", "user", "args", "env", "cwd", "rlimits", "capabilities", "noNewPrivileges",
    "oomScoreAdj",
    "apparmorProfile", "scheduler", "ioPriority",
  ]
  static let refused = ["commandLine", "selinuxLabel", "execCPUAffinity"]

  init(_ fields: Fields) {
    spec = ProcessSpec(args: fields.strings("args"))
    if spec.args.isEmpty { fields.refuse("args", "there is no program to run") }
    spec.env = fields.strings("env")
    spec.cwd = fields.string("cwd") ?? ""
    if spec.cwd.utf8.first != UInt8(ascii: "/") { fields.refuse("cwd", "it must be absolute") }
    spec.noNewPrivileges = fields.bool("noNewPrivileges") ?? false
    spec.oomScoreAdj = fields.integer("oomScoreAdj").map { Int(clamping: $0) }
    if let score = spec.oomScoreAdj, !(-1000...1000).contains(score) {
      fields.refuse("oomScoreAdj", "it must be -1000 to 1000")
    }
    spec.user = Self.user(fields)
    spec.rlimits = Self.limits(fields)
    spec.capabilities = Self.capabilities(fields)
    scheduler = SchedulingReader.scheduler(fields)
    ioPriority = SchedulingReader.ioPriority(fields)
    terminal = fields.bool("terminal") ?? false
    let size = fields.object("consoleSize", done: ["height", "width"])
    console = ConsoleSpec(rows: size?.id("height") ?? 0, columns: size?.id("width") ?? 0)
    if let profile = fields.string("apparmorProfile"), !profile.isEmpty, profile != "unconfined" {
      fields.refuse("apparmorProfile", "microrun does not do this")
    }
  }

  private static func user(_ fields: Fields) -> UserSpec {
    guard let user = fields.object("user", done: ["uid", "gid", "umask", "additionalGids"], refused: ["username"])
    else {
      return UserSpec()
    }
    let groups = user.array("additionalGids").compactMap { $0.unsignedValue.flatMap { UInt32(exactly: $0) } }
    if groups.count != user.array("additionalGids").count {
      user.refuse("additionalGids", "must be whole numbers of 32 bits")
    }
    let umask = user.id("umask") ?? 0o022
    if umask > 0o777 { user.refuse("umask", "it must be 0 to 511") }
    return UserSpec(uid: user.id("uid") ?? 0, gid: user.id("gid") ?? 0, additionalGids: groups, umask: umask)
  }

  private static func limits(_ fields: Fields) -> [ResourceLimit] {
    var limits: [ResourceLimit] = []
    for limit in fields.objects("rlimits", done: ["type", "soft", "hard"]) {
      let name = limit.string("type") ?? ""
      guard let resource = resources.firstIndex(where: { "RLIMIT_" + $0 == name }) else {
        limit.refuse("type", "\"\(name)\" is no limit of setrlimit(2)")
        continue
      }
      if limits.contains(where: { $0.resource == UInt32(resource) }) { limit.refuse("type", "\(name) is there twice") }
      guard let soft = limit.unsigned("soft"), let hard = limit.unsigned("hard") else {
        limit.refuse("soft", "both soft and hard are needed")
        continue
      }
      limits.append(ResourceLimit(resource: UInt32(resource), soft: soft, hard: hard))
    }
    return limits
  }

  /// By their numbers in asm-generic/resource.h.
  private static let resources = [
    "CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS", "LOCKS", "SIGPENDING",
    "MSGQUEUE",
    "NICE", "RTPRIO", "RTTIME",
  ]

  private static func capabilities(_ fields: Fields) -> CapabilitySets {
    let kinds = ["bounding", "effective", "permitted", "inheritable", "ambient"]
    guard let sets = fields.object("capabilities", done: kinds) else { return .all([]) }
    return CapabilitySets(
      bounding: set(sets, "bounding"), effective: set(sets, "effective"), permitted: set(sets, "permitted"),
      inheritable: set(sets, "inheritable"), ambient: set(sets, "ambient"))
  }

  private static func set(_ fields: Fields, _ kind: String) -> Capabilities {
    var set = Capabilities()
    for name in fields.strings(kind) {
      guard let number = names.firstIndex(where: { "CAP_" + $0 == name }) else {
        fields.refuse(kind, "\"\(name)\" is no capability that microrun knows")
        continue
      }
      set.rawValue |= 1 << UInt64(number)
    }
    return set
  }

  /// By their numbers in linux/capability.h.
  static let names = [
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
  ]
}
