import Basics
import LinuxSystem

/// What a container is, in the OCI runtime spec's words. A value: it opens and decides nothing.
public struct ContainerSpec: Hashable, Sendable {
  /// The container's name, which errors begin with.
  public var name: String
  public var process: ProcessSpec
  public var root: RootSpec
  /// Empty keeps the host's name, which only a container without a uts namespace sees.
  public var hostname: String
  /// In the order in which they are made; paths are the container's.
  public var mounts: [MountSpec]
  /// /dev/null, zero, full, random, urandom, tty and the usual links.
  public var makesStandardDevices: Bool
  public var namespaces: Namespaces
  public var uidMappings: [IDMapping]
  public var gidMappings: [IDMapping]
  /// Hidden behind /dev/null or an empty directory; what the kernel does not have is passed over.
  public var maskedPaths: [String]
  public var readonlyPaths: [String]
  /// Filters system calls with `SeccompProfile.standard`.
  public var seccomp: Bool
  public var cgroup: CgroupPlacement

  public init(
    name: String, process: ProcessSpec, root: RootSpec, hostname: String = "", mounts: [MountSpec] = [],
    makesStandardDevices: Bool = false, namespaces: Namespaces = [.mount], uidMappings: [IDMapping] = [],
    gidMappings: [IDMapping] = [], maskedPaths: [String] = [], readonlyPaths: [String] = [], seccomp: Bool = false,
    cgroup: CgroupPlacement = CgroupPlacement()
  ) {
    self.name = name
    self.process = process
    self.root = root
    self.hostname = hostname
    self.mounts = mounts
    self.makesStandardDevices = makesStandardDevices
    self.namespaces = namespaces
    self.uidMappings = uidMappings
    self.gidMappings = gidMappings
    self.maskedPaths = maskedPaths
    self.readonlyPaths = readonlyPaths
    self.seccomp = seccomp
    self.cgroup = cgroup
  }
}

/// The program that a container runs and what it may do.
public struct ProcessSpec: Hashable, Sendable {
  /// The program, looked up in the environment's PATH when it has no slash, and its arguments.
  public var args: [String]
  /// `NAME=value` each.
  public var env: [String]
  /// An absolute path in the container.
  public var cwd: String
  public var user: UserSpec
  public var capabilities: CapabilitySets
  public var rlimits: [ResourceLimit]
  public var noNewPrivileges: Bool
  /// proc(5): -1000 to 1000; lowering it needs CAP_SYS_RESOURCE. Nil keeps the agent's.
  public var oomScoreAdj: Int?
  /// What the processor has not: a program that needs it for sure, as its unpacker found, is not run.
  public var lacking: ProcessorFeatures = []

  public init(
    args: [String], env: [String] = [], cwd: String = "/", user: UserSpec = UserSpec(),
    capabilities: CapabilitySets = .all([]), rlimits: [ResourceLimit] = [], noNewPrivileges: Bool = true,
    oomScoreAdj: Int? = nil
  ) {
    self.args = args
    self.env = env
    self.cwd = cwd
    self.user = user
    self.capabilities = capabilities
    self.rlimits = rlimits
    self.noNewPrivileges = noNewPrivileges
    self.oomScoreAdj = oomScoreAdj
  }
}

/// Who the program is, in the container's ids.
public struct UserSpec: Hashable, Sendable {
  public var uid: UInt32
  public var gid: UInt32
  /// At most `LaunchPlan.maxAdditionalGids`.
  public var additionalGids: [UInt32]
  public var umask: UInt32

  public init(uid: UInt32 = 0, gid: UInt32 = 0, additionalGids: [UInt32] = [], umask: UInt32 = 0o022) {
    self.uid = uid
    self.gid = gid
    self.additionalGids = additionalGids
    self.umask = umask
  }
}

/// A limit of setrlimit(2): `resource` is its RLIMIT_ number.
public struct ResourceLimit: Hashable, Sendable {
  public var resource: UInt32
  public var soft: UInt64
  public var hard: UInt64

  public init(resource: UInt32, soft: UInt64, hard: UInt64) {
    self.resource = resource
    self.soft = soft
    self.hard = hard
  }

  public static let openFiles: UInt32 = 7
}

/// The file system that the container sees as `/`.
public struct RootSpec: Hashable, Sendable {
  /// A directory of the host. With an overlay it is the lower layer and is never written.
  public var path: String
  /// Layers below `path`, from the uppermost on, at most `LaunchPlan.maxLowers`: an overlay shows all of them as one.
  public var below: [String] = []
  public var readonly: Bool
  public var overlay: OverlaySpec?
  /// The files below `path` already belong to the mapped ids (an image unpacked for this container), so that a user
  /// namespace needs no id-mapped mount of it.
  public var idsAreMapped: Bool

  public init(path: String, readonly: Bool = false, overlay: OverlaySpec? = nil, idsAreMapped: Bool = false) {
    self.path = path
    self.readonly = readonly
    self.overlay = overlay
    self.idsAreMapped = idsAreMapped
  }
}

/// Where an overlay keeps what the container writes: two directories on one file system, made when they are missing.
public struct OverlaySpec: Hashable, Sendable {
  /// Made before them if it is missing: the directory that both lie in.
  public var directory: String?
  public var upper: String
  public var work: String
  /// Nothing of it is ever synced, not even when the container asks, and above all not the whole file system when it
  /// ends: for what is deleted with the container.
  public var isVolatile: Bool
  /// What may lie in `directory`, whose file system must keep project quotas; nil: as much as there is room for.
  public var limits: FileLimits?

  public init(
    directory: String? = nil, upper: String, work: String, isVolatile: Bool = false, limits: FileLimits? = nil
  ) {
    self.directory = directory
    self.upper = upper
    self.work = work
    self.isVolatile = isVolatile
    self.limits = limits
  }
}

/// A run of ids: `containerID` in the container is `hostID` outside, and so on for `size` of them (user_namespaces(7)).
public struct IDMapping: Hashable, Sendable {
  public var containerID: UInt32
  public var hostID: UInt32
  public var size: UInt32

  public init(containerID: UInt32, hostID: UInt32, size: UInt32) {
    self.containerID = containerID
    self.hostID = hostID
    self.size = size
  }
}

/// What the Cgroups module found must be done for a container: ordinary directories to make, files to write, and how
/// the child gets in without waiting for RCU.
public struct CgroupPlacement: Hashable, Sendable {
  public enum Operation: Hashable, Sendable {
    case makeDirectory(String)
    case write(path: String, text: String)
  }

  public enum Join: Hashable, Sendable {
    case none
    /// v2: the child is born in this directory (CLONE_INTO_CGROUP).
    case directory(String)
    /// v1: the child writes `0` into each of these `tasks` files.
    case tasks([String])
  }

  public var operations: [Operation]
  public var join: Join

  public init(operations: [Operation] = [], join: Join = .none) {
    self.operations = operations
    self.join = join
  }
}
