/// A container as an OCI runtime starts it: what the agent's containers have, and what only the OCI runtime spec's have.
public struct RuntimeSpec: Hashable, Sendable {
  /// Its `mounts` and `seccomp` are not looked at: `mounts` and `seccompFilter` here stand for them. The root's files
  /// belong to the container's ids already.
  public var container: ContainerSpec
  /// Namespaces that somebody else made, beside the new ones of `container`.
  public var joinedNamespaces: [JoinedNamespace] = []
  public var domainName = ""
  public var mounts: [RuntimeMount] = []
  /// Beside the standard ones.
  public var devices: [DeviceSpec] = []
  public var sysctls: [Sysctl] = []
  public var rootPropagation = Propagation.private
  /// `SeccompFilter.numbers`; empty: system calls are not filtered.
  public var seccompFilter: [UInt32] = []
  /// Nil: it has the streams that it is given.
  public var console: ConsoleSpec?
  /// Nil: whoever makes its process also lets it go.
  public var start: StartFIFOs?
  /// The streams are pipes, and are given to the program's user: it may open /dev/stdout anew.
  public var ownsStreams = false
  /// Its process waits in its namespaces, before its root is made, until hooks have run (`ContainerProcess.continueAfterHooks`).
  public var waitsForHooks = false
  /// Run by its process in its namespaces, before its root is made.
  public var createHooks: [HookSpec] = []
  /// Run by its process with the program's rights, right before the program.
  public var startHooks: [HookSpec] = []
  /// So many descriptors from 3 on stay open.
  public var preservedCount = 0
  public static let maxPreserved = Int(Slot.maxPreserved)
  /// personality(2).
  public var personality: UInt32?
  public var scheduler: SchedulerSpec?
  /// As ioprio_set(2) has it.
  public var ioPriority: UInt32?
  /// Of a new time namespace: lines of /proc/PID/timens_offsets (time_namespaces(7)).
  public var timeOffsets = ""
  /// seccomp(2)'s SECCOMP_FILTER_FLAGs.
  public var seccompFlags: UInt32 = 0

  public init(_ container: ContainerSpec) {
    self.container = container
  }
}

/// A program that the container's process runs itself and waits for.
public struct HookSpec: Hashable, Sendable {
  public var path: String
  /// With the program's name.
  public var args: [String]
  public var env: [String]
  /// 0: it may take as long as it likes.
  public var timeoutSeconds: UInt32
  /// What it reads on its standard input, but for the process's number, which stands between the two.
  public var stateBeforeNumber: String
  public var stateAfterNumber: String

  public init(
    path: String, args: [String], env: [String], timeoutSeconds: UInt32, stateBeforeNumber: String,
    stateAfterNumber: String
  ) {
    self.path = path
    self.args = args
    self.env = env
    self.timeoutSeconds = timeoutSeconds
    self.stateBeforeNumber = stateBeforeNumber
    self.stateAfterNumber = stateAfterNumber
  }
}

/// sched_setattr(2)'s values.
public struct SchedulerSpec: Hashable, Sendable {
  public var policy: UInt32 = 0
  public var flags: UInt32 = 0
  public var nice: Int32 = 0
  public var priority: UInt32 = 0
  public var runtimeNanoseconds: UInt64 = 0
  public var deadlineNanoseconds: UInt64 = 0
  public var periodNanoseconds: UInt64 = 0

  public init() {}
}

/// A namespace by its path, as /proc/PID/ns/net.
public struct JoinedNamespace: Hashable, Sendable {
  public var kind: Namespaces
  public var path: String

  public init(kind: Namespaces, path: String) {
    self.kind = kind
    self.path = path
  }
}

/// How a mount hears of others, and they of it (mount_namespaces(7)): mount(2)'s flags.
public enum Propagation: UInt32, Sendable {
  case unbindable = 0x2_0000
  case `private` = 0x4_0000
  case slave = 0x8_0000
  case shared = 0x10_0000
}

/// One mount of an OCI configuration.
public struct RuntimeMount: Hashable, Sendable {
  /// An absolute path in the container; a missing one is made.
  public var destination: String
  /// A file system type of the kernel, or `bind`.
  public var type: String
  /// For a bind an absolute path of the host.
  public var source: String
  /// mount_setattr(2)'s bits that the mount gets and loses.
  public var attributes: UInt32 = 0
  public var cleared: UInt32 = 0
  /// mount(2)'s flags of the file system itself, as `sync`.
  public var fileSystemFlags: UInt32 = 0
  /// Of a bind: with all that is mounted below its source.
  public var isRecursive = false
  /// The attributes are those of what is mounted below, too.
  public var attributesAreRecursive = false
  public var propagation: Propagation?
  /// The file system's own options.
  public var data = ""
  /// Of a tmpfs: it begins with a copy of what it hides (tmpcopyup).
  public var copiesTarget = false

  public init(destination: String, type: String, source: String) {
    self.destination = destination
    self.type = type
    self.source = source
  }

  var isBind: Bool { type == "bind" }
}

/// mount_setattr(2)'s attributes.
public enum MountAttribute {
  public static let readonly: UInt32 = 0x1
  public static let nosuid: UInt32 = 0x2
  public static let nodev: UInt32 = 0x4
  public static let noexec: UInt32 = 0x8
  /// The field that says when reading sets a file's time; 0 in it is relatime.
  public static let accessTimes: UInt32 = 0x70
  public static let noatime: UInt32 = 0x10
  public static let strictatime: UInt32 = 0x20
  public static let nodiratime: UInt32 = 0x80
  public static let nosymfollow: UInt32 = 0x20_0000
}

/// A device file. Where the container has a user namespace the host's of the same path is shown.
public struct DeviceSpec: Hashable, Sendable {
  public var path: String
  /// Type and permissions as mknod(2) has them.
  public var mode: UInt32
  public var major: UInt32
  public var minor: UInt32
  public var uid: UInt32
  public var gid: UInt32

  public init(path: String, mode: UInt32, major: UInt32, minor: UInt32, uid: UInt32 = 0, gid: UInt32 = 0) {
    self.path = path
    self.mode = mode
    self.major = major
    self.minor = minor
    self.uid = uid
    self.gid = gid
  }
}

/// A kernel parameter of the container's namespaces: `path` below /proc/sys.
public struct Sysctl: Hashable, Sendable {
  public var path: String
  public var value: String

  public init(path: String, value: String) {
    self.path = path
    self.value = value
  }
}

/// A terminal; 0 keeps the kernel's size.
public struct ConsoleSpec: Hashable, Sendable {
  public var rows: UInt32
  public var columns: UInt32

  public init(rows: UInt32 = 0, columns: UInt32 = 0) {
    self.rows = rows
    self.columns = columns
  }
}

/// Two FIFOs of a container that waits for `start`: the go byte comes by the one, a failure leaves by the other, which ends
/// without a byte when the program runs.
public struct StartFIFOs: Hashable, Sendable {
  public var control: String
  public var errors: String

  public init(control: String, errors: String) {
    self.control = control
    self.errors = errors
  }
}
