import ContainerRunner
import Testing

@testable import OCIRuntime

/// Reading config.json: what it says arrives, and what cannot be done is told by its field's name.
@Suite struct RuntimeConfigTests {
  static func read(_ text: String) throws -> RuntimeConfig { try RuntimeConfig.read(Array(text.utf8)) }

  /// A whole document that has these members beside what every document needs.
  static func document(_ members: String = "", process: String = "", linux: String = "") -> String {
    let comma = members.isEmpty ? "" : ", "
    return """
      { "ociVersion": "1.2.0", "root": { "path": "rootfs" },
        "process": { "cwd": "/", "args": ["true"] \(process.isEmpty ? "" : ", ")\(process) },
        "linux": { "namespaces": [{ "type": "mount" }, { "type": "uts" }] \(linux.isEmpty ? "" : ", ")\(linux) }
        \(comma)\(members) }
      """
  }

  static func problems(_ text: String) -> [String] {
    do {
      _ = try read(text)
      return []
    } catch let error as ConfigError {
      return error.lines
    } catch {
      return ["\(error)"]
    }
  }

  @Test func theExampleIsReadWhole() throws {
    let config = try Self.read(ExampleConfig.text)
    let process = try #require(config.process)
    #expect(process.spec.args == ["sh"])
    #expect(process.spec.env.last == "TERM=xterm")
    #expect(process.spec.noNewPrivileges && !process.terminal)
    #expect(process.spec.capabilities == .all([.auditWrite, .kill, .netBindService]))
    #expect(process.spec.rlimits == [ResourceLimit(resource: ResourceLimit.openFiles, soft: 1024, hard: 1024)])
    #expect(config.root.path == "rootfs" && config.root.readonly)
    #expect(config.newNamespaces == [.pid, .network, .ipc, .uts, .mount, .cgroup])
    #expect(config.mounts.map { $0.destination } == ["/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys"])
    #expect(config.mounts[1].data == "mode=755,size=65536k")
    #expect(config.mounts[5].attributes == 0xF)
    #expect(config.maskedPaths.count == 12 && config.readonlyPaths.count == 5)
    #expect(config.unknown.isEmpty)
  }

  @Test func processIsReadWhole() throws {
    let process = try #require(
      try Self.read(
        Self.document(
          process: """
            "terminal": true, "consoleSize": { "height": 24, "width": 80 }, "env": ["A=1"], "oomScoreAdj": -7,
            "user": { "uid": 1000, "gid": 4294967295, "umask": 63, "additionalGids": [5, 6] }, "noNewPrivileges": false,
            "capabilities": { "bounding": ["CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"], "ambient": ["CAP_KILL"] },
            "rlimits": [{ "type": "RLIMIT_RTTIME", "soft": 1, "hard": 18446744073709551615 }], "apparmorProfile": "unconfined"
            """)
      ).process)
    #expect(process.terminal && process.console == ConsoleSpec(rows: 24, columns: 80))
    #expect(process.spec.user == UserSpec(uid: 1000, gid: .max, additionalGids: [5, 6], umask: 0o77))
    #expect(process.spec.capabilities.bounding.rawValue == 1 | 1 << 40)
    #expect(process.spec.capabilities.ambient == .kill && process.spec.capabilities.effective.isEmpty)
    #expect(process.spec.rlimits == [ResourceLimit(resource: 15, soft: 1, hard: .max)])
    #expect(process.spec.oomScoreAdj == -7 && !process.spec.noNewPrivileges)
  }

  @Test func mountOptionsBecomeAttributes() throws {
    let config = try Self.read(
      Self.document(
        """
        "mounts": [
          { "destination": "/a//b/", "source": "/host", "options": ["rbind", "rro", "nosuid", "dev", "noatime", "rslave"] },
          { "destination": "/c", "type": "bind", "source": "/x", "options": ["rw", "relatime"] },
          { "destination": "/d", "type": "tmpfs", "options": ["ro", "nodiratime", "sync", "size=1m", "async", "huge=never"] }
        ]
        """))
    let (a, c, d) = (config.mounts[0], config.mounts[1], config.mounts[2])
    #expect(a.destination == "/a/b" && a.type == "bind" && a.isRecursive && a.attributesAreRecursive)
    #expect(a.attributes == MountAttribute.readonly | MountAttribute.nosuid | MountAttribute.noatime)
    #expect(a.cleared == MountAttribute.nodev | MountAttribute.accessTimes)
    #expect(a.propagation == .slave)
    #expect(c.attributes == 0 && c.cleared == MountAttribute.readonly | MountAttribute.accessTimes && !c.isRecursive)
    #expect(d.source == "tmpfs" && d.data == "size=1m,huge=never" && d.fileSystemFlags == 1 << 4)
    #expect(d.attributes == MountAttribute.readonly | MountAttribute.nodiratime)
  }

  @Test func linuxIsReadWhole() throws {
    let config = try Self.read(
      """
      { "ociVersion": "1.0.2-dev", "root": { "path": "/r", "readonly": false }, "hostname": "h", "domainname": "d",
        "annotations": { "a.b": "c" },
        "hooks": { "poststop": [{ "path": "/bin/x", "timeout": 3 }], "startContainer": [] },
        "linux": {
          "namespaces": [{ "type": "mount" }, { "type": "uts" }, { "type": "network", "path": "/run/netns/x" }, { "type": "ipc" }],
          "devices": [{ "path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 432, "uid": 1, "gid": 2 }],
          "cgroupsPath": "/a/b", "sysctl": { "net.ipv4.ping_group_range": "0 0", "fs/mqueue/msg_max": "9" },
          "rootfsPropagation": "rslave", "seccomp": null, "intelRdt": {}, "mountLabel": "",
          "resources": {
            "devices": [{ "allow": false, "access": "rwm" }, { "allow": true, "type": "c", "major": 1, "minor": -1, "access": "r" }],
            "memory": { "limit": 1048576, "swap": -1, "disableOOMKiller": false }, "cpu": { "quota": 50000, "period": 100000 },
            "pids": { "limit": 32 }, "hugepageLimits": []
          } } }
      """)
    #expect(config.process == nil && config.hostname == "h" && config.domainName == "d")
    #expect(config.annotations.first?.value == "c")
    #expect(config.hooks.poststop.first?.args == ["/bin/x"] && config.hooks.poststop.first?.timeoutSeconds == 3)
    #expect(config.joinedNamespaces == [JoinedNamespace(kind: .network, path: "/run/netns/x")])
    #expect(config.devices == [DeviceSpec(path: "/dev/fuse", mode: 0o20660, major: 10, minor: 229, uid: 1, gid: 2)])
    #expect(config.sysctls.map { $0.path } == ["net/ipv4/ping_group_range", "fs/mqueue/msg_max"])
    #expect(config.rootPropagation == .slave)
    #expect(config.resources.devices.map { $0.legacyText } == ["a", "c 1:* r"])
    #expect(config.resources.memoryBytes == 1 << 20 && config.resources.memoryAndSwapBytes == -1)
    #expect(config.resources.pids == 32 && config.resources.cpuQuotaMicroseconds == 50_000)
  }

  /// The specification demands that these be passed over, and we that somebody hear of it.
  @Test func unknownPropertiesArePassedOverAndRemembered() throws {
    let config = try Self.read(Self.document("\"x-ours\": 1", process: "\"colour\": \"red\""))
    #expect(config.unknown == ["x-ours", "process.colour"])
  }

  static let refusals: [(String, String)] = [
    ("[]", "the document: must be an object"),
    ("{}", "ociVersion: it is missing"),
    ("{ \"ociVersion\": \"2.0.0\" }", "ociVersion: 2.0.0 is not known"),
    (document("\"vm\": { \"kernel\": {} }"), "vm: microrun does not do this"),
    (document(process: "\"selinuxLabel\": \"x\""), "process.selinuxLabel: microrun does not do this"),
    (document(process: "\"apparmorProfile\": \"x\""), "process.apparmorProfile: microrun does not do this"),
    (
      document(process: "\"ioPriority\": { \"class\": \"IOPRIO_CLASS_X\" }"),
      "process.ioPriority.class: \"IOPRIO_CLASS_X\" is no class"
    ),
    (
      document(process: "\"scheduler\": { \"policy\": \"SCHED_ISO\" }"),
      "process.scheduler.policy: \"SCHED_ISO\" is no policy"
    ),
    (
      document(process: "\"scheduler\": { \"policy\": \"SCHED_RR\", \"priority\": 100 }"),
      "process.scheduler.priority: it must be 0 to 99"
    ),
    (document(process: "\"oomScoreAdj\": 1001"), "process.oomScoreAdj: it must be -1000 to 1000"),
    (document(process: "\"env\": [1]"), "process.env: must be an array of strings"),
    (document(process: "\"user\": { \"uid\": -1 }"), "process.user.uid: must be a whole number of 32 bits"),
    (document(process: "\"user\": { \"umask\": 512 }"), "process.user.umask: it must be 0 to 511"),
    (document(process: "\"capabilities\": { \"bounding\": [\"CAP_FLY\"] }"), "bounding: \"CAP_FLY\" is no capability"),
    (
      document(process: "\"rlimits\": [{ \"type\": \"RLIMIT_X\" }]"),
      "process.rlimits[0].type: \"RLIMIT_X\" is no limit"
    ),
    (
      document("\"mounts\": [{ \"destination\": \"a\", \"type\": \"proc\" }]"),
      "mounts[0].destination: it must be absolute"
    ),
    (
      document("\"mounts\": [{ \"destination\": \"/..\", \"type\": \"proc\" }]"), "mounts[0].destination: / is the root"
    ),
    (
      document(
        "\"mounts\": [{ \"destination\": \"/a\", \"type\": \"bind\", \"source\": \"/\", \"options\": [\"size=1\"] }]"),
      "mounts[0].options: microrun does not do \"size=1\" for the type bind"
    ),
    (
      document("\"mounts\": [{ \"destination\": \"/a\", \"type\": \"tmpfs\", \"options\": [\"idmap\"] }]"),
      "mounts[0].options: microrun does not do \"idmap\""
    ),
    (
      document("\"hooks\": { \"createContainer\": [{ \"path\": \"/x\", \"timeout\": 0 }] }"),
      "hooks.createContainer[0].timeout: it must be above 0"
    ),
    (document("\"hooks\": { \"prestart\": [{ \"path\": \"x\" }] }"), "hooks.prestart[0].path: it must be absolute"),
    (document(linux: "\"intelRdt\": { \"closID\": \"x\" }"), "linux.intelRdt: microrun does not do this"),
    (document(linux: "\"timeOffsets\": { \"boottime\": {} }"), "linux.timeOffsets: without a time namespace"),
    (document(linux: "\"rootfsPropagation\": \"none\""), "linux.rootfsPropagation: \"none\" is none of"),
    (
      document(linux: "\"sysctl\": { \"vm.swappiness\": \"1\" }"),
      "linux.sysctl.vm.swappiness: it belongs to no namespace"
    ),
    (
      document(linux: "\"sysctl\": { \"net.ipv4.ip_forward\": \"1\" }"),
      "without a network namespace it would change the host"
    ),
    (document(linux: "\"sysctl\": { \"net/../vm/swappiness\": \"1\" }"), "it belongs to no namespace"),
    (
      document(linux: "\"uidMappings\": [{ \"containerID\": 0 }]"),
      "linux.uidMappings: without a user namespace they mean nothing"
    ),
    (
      document(linux: "\"devices\": [{ \"path\": \"/dev/../x\", \"type\": \"p\" }]"),
      "linux.devices[0].path: it must lie below /dev"
    ),
    (
      document(linux: "\"resources\": { \"blockIO\": { \"weight\": 10 } }"),
      "linux.resources.blockIO: microrun does not do this"
    ),
    (document(linux: "\"resources\": { \"unified\": { \"../x\": \"1\" } }"), "it must be the name of one file"),
    (
      document(linux: "\"seccomp\": { \"defaultAction\": \"SCMP_ACT_NOTIFY\" }"),
      "microrun does not do \"SCMP_ACT_NOTIFY\""
    ),
    (
      document(
        linux: "\"seccomp\": { \"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [\"SECCOMP_FILTER_FLAG_X\"] }"),
      "linux.seccomp.flags: microrun does not do"
    ),
    (
      document(
        linux: """
          "seccomp": { "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": ["fly"], "action": "SCMP_ACT_ERRNO" }] }
          """), "linux.seccomp.syscalls[0].names: microrun does not know the system call \"fly\""
    ),
    (
      "{ \"ociVersion\": \"1.2.0\", \"root\": { \"path\": \"r\" }, \"hostname\": \"h\" }",
      "hostname: without a uts namespace it would rename the host"
    ),
    (
      "{ \"ociVersion\": \"1.2.0\", \"root\": { \"path\": \"r\" } }",
      "linux.namespaces: a container needs a mount namespace of its own"
    ),
  ]

  @Test(arguments: refusals.indices) func whatCannotBeDoneIsNamed(index: Int) {
    let (text, expected) = Self.refusals[index]
    let lines = Self.problems(text)
    #expect(lines.contains { $0.contains(expected) }, "\(lines)")
    #expect(lines.allSatisfy { $0.hasPrefix("config.json: ") })
  }

  @Test func schedulingIsAsTheKernelNumbersIt() throws {
    let config = try RuntimeConfig.read(
      Array(
        Self.document(
          process: """
            "scheduler": { "policy": "SCHED_DEADLINE", "flags": ["SCHED_FLAG_RECLAIM"], "runtime": 5, "period": 4294967297 },
            "ioPriority": { "class": "IOPRIO_CLASS_BE", "priority": 7 }
            """,
          linux: """
            "seccomp": { "defaultAction": "SCMP_ACT_ALLOW",
                         "flags": ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"] }
            """
        ).utf8))
    let scheduler = try #require(config.process?.scheduler)
    #expect((scheduler.policy, scheduler.flags, scheduler.runtimeNanoseconds) == (6, 2, 5))
    #expect(scheduler.periodNanoseconds == 4_294_967_297)
    let priority: UInt32 = 2 << 13 | 7
    #expect(config.process?.ioPriority == priority)
    #expect(config.seccompFlags == 4)
  }

  @Test func everyProblemIsToldAtOnceAndTheirNumberIsBounded() {
    #expect(
      Self.problems(
        Self.document(process: "\"oomScoreAdj\": 1001, \"selinuxLabel\": \"x\"", linux: "\"personality\": { \"a\": 1 }")
      )
      .count == 3)
    let many = (0..<100).map { "\"net.x\($0)\": \"1\"" }.joined(separator: ", ")
    #expect(Self.problems(Self.document(linux: "\"sysctl\": { \(many) }")).count == ConfigReader.maxProblems)
  }

  @Test func whatIsTooLargeOrTooDeepIsNoDocument() {
    let deep = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
    #expect(Self.problems(Self.document("\"annotations\": \(deep)")).first?.contains("nested too deeply") == true)
    let long = String(repeating: "a", count: RuntimeConfig.limits.inputBytes)
    #expect(
      Self.problems(Self.document("\"hostname\": \"\(long)\"")).first?.contains("more bytes than the limit") == true)
    let many = String(repeating: "0,", count: RuntimeConfig.limits.values) + "0"
    #expect(Self.problems(Self.document("\"x\": [\(many)]")).first?.contains("more values than the limit") == true)
  }

  /// No byte that is cut off or changed may end the program.
  @Test func badDocumentsAreErrors() {
    let bytes = Array(ExampleConfig.text.utf8)
    for count in stride(from: 0, to: bytes.count - 2, by: 7) {
      #expect(throws: ConfigError.self) { try RuntimeConfig.read(Array(bytes[..<count])) }
    }
    for index in stride(from: 0, to: bytes.count, by: 3) {
      var changed = bytes
      changed[index] ^= 0x15
      _ = try? RuntimeConfig.read(changed)
    }
  }

  @Test func aProcessAloneIsRead() throws {
    let process = try RuntimeConfig.readProcess(Array("{ \"cwd\": \"/x\", \"args\": [\"a\", \"b\"] }".utf8))
    #expect(process.spec.args == ["a", "b"] && process.spec.cwd == "/x")
    #expect(throws: ConfigError.self) { try RuntimeConfig.readProcess(Array("{ \"args\": [] }".utf8)) }
  }
}
