import Basics
import ContainerRunner
import Images

/// What a bundle's config.json (OCI runtime spec 1.2) asks for, as far as microrun does it: whatever else it asks for made it no value of
/// this type, but an error.
public struct RuntimeConfig: Sendable {
  public var process: ProcessConfig?
  public var root: RootConfig
  public var hostname: String
  public var domainName: String
  public var mounts: [RuntimeMount]
  public var hooks: HookConfig
  public var annotations: [(name: String, value: String)]
  public var newNamespaces: Namespaces
  public var joinedNamespaces: [JoinedNamespace]
  public var uidMappings: [IDMapping]
  public var gidMappings: [IDMapping]
  public var devices: [DeviceSpec]
  /// Empty: microrun chooses.
  public var cgroupsPath: String
  public var resources: ResourceConfig
  public var sysctls: [Sysctl]
  public var seccomp: SeccompFilter?
  /// seccomp(2)'s flags.
  public var seccompFlags: UInt32
  public var maskedPaths: [String]
  public var readonlyPaths: [String]
  public var rootPropagation: Propagation
  public var personality: UInt32?
  /// `RuntimeSpec.timeOffsets`.
  public var timeOffsets: String
  /// Properties that are in no version of the specification; it demands that they be passed over.
  public var unknown: [String]

  /// Far above what engines write, and what a small board can hold.
  public static let limits = JSONLimits(depth: 24, values: 32_768, inputBytes: 1 << 20)
}

/// `root`.
public struct RootConfig: Sendable {
  /// Absolute, or from the bundle on.
  public var path: String
  public var readonly: Bool
}

/// `process`.
public struct ProcessConfig: Sendable {
  public var spec: ProcessSpec
  public var terminal: Bool
  public var console: ConsoleSpec
  public var scheduler: SchedulerSpec?
  public var ioPriority: UInt32?
}

/// `hooks`.
public struct HookConfig: Sendable {
  public var prestart: [Hook] = []
  public var createRuntime: [Hook] = []
  /// Of these two the container's process runs each itself.
  public var createContainer: [Hook] = []
  public var startContainer: [Hook] = []
  public var poststart: [Hook] = []
  public var poststop: [Hook] = []
}

/// A program that is run at some point of a container's life, with the container's state on its standard input.
public struct Hook: Sendable {
  /// Absolute.
  public var path: String
  /// With the program's name.
  public var args: [String]
  public var env: [String]
  /// Nil: it may take as long as it likes.
  public var timeoutSeconds: UInt64?
}

/// Why a config.json cannot be used: one or more lines, each for a person.
public enum ConfigError: Error, Sendable {
  case notJSON(JSONError)
  case problems([ConfigProblem])

  public var lines: [String] {
    switch self {
    case .notJSON(let error): ["config.json: \(error)"]
    case .problems(let problems): problems.map { $0.description }
    }
  }
}

extension RuntimeConfig {
  /// Reads a whole config.json.
  public static func read(_ bytes: [UInt8]) throws(ConfigError) -> RuntimeConfig {
    let document = try json(bytes)
    let reader = ConfigReader()
    let top = Fields(
      reader, "", document,
      done: ["ociVersion", "process", "root", "hostname", "domainname", "mounts", "hooks", "annotations", "linux"],
      refused: ["solaris", "windows", "vm", "zos", "freebsd"])
    checkVersion(top)
    var config = RuntimeConfig(top)
    if !reader.problems.isEmpty { throw .problems(reader.problems) }
    config.unknown = reader.unknown
    return config
  }

  /// Reads a document that is only a `process`, as `exec --process` gives it.
  public static func readProcess(_ bytes: [UInt8]) throws(ConfigError) -> ProcessConfig {
    let reader = ConfigReader()
    let process = ProcessConfig(
      Fields(reader, "process", try json(bytes), done: ProcessConfig.done, refused: ProcessConfig.refused))
    if !reader.problems.isEmpty { throw .problems(reader.problems) }
    return process
  }

  private static func json(_ bytes: [UInt8]) throws(ConfigError) -> JSONValue {
    do throws(JSONError) {
      return try JSONReader.read(bytes, limits: limits)
    } catch {
      throw .notJSON(error)
    }
  }

  private static func checkVersion(_ top: Fields) {
    guard let version = top.string("ociVersion") else {
      if !top.has("ociVersion") { top.refuse("ociVersion", "it is missing") }
      return
    }
    if !version.utf8.starts(with: "1.".utf8) {
      top.refuse("ociVersion", "\(version) is not known: microrun does 1.0 to 1.2")
    }
  }

  init(_ top: Fields) {
    process = top.object("process", done: ProcessConfig.done, refused: ProcessConfig.refused).map { ProcessConfig($0) }
    if let fields = top.object("root", done: ["path", "readonly"]) {
      root = RootConfig(path: fields.string("path") ?? "", readonly: fields.bool("readonly") ?? false)
      if root.path.isEmpty { fields.refuse("path", "it is missing") }
    } else {
      root = RootConfig(path: "", readonly: false)
      top.refuse("root", "it is missing")
    }
    hostname = top.string("hostname") ?? ""
    domainName = top.string("domainname") ?? ""
    mounts = top.objects(
      "mounts", done: ["destination", "type", "source", "options"], refused: ["uidMappings", "gidMappings"]
    )
    .map { MountReader.read($0) }
    hooks = HookConfig(top)
    annotations = top.pairs("annotations")
    unknown = []

    let empty = Fields(top.reader, "linux", .object([]), done: [])
    let linux = top.object("linux", done: Self.linuxDone, refused: Self.linuxRefused) ?? empty
    (newNamespaces, joinedNamespaces) = Self.namespaces(linux)
    uidMappings = Self.mappings(linux, "uidMappings")
    gidMappings = Self.mappings(linux, "gidMappings")
    devices = DeviceReader.devices(linux)
    cgroupsPath = linux.string("cgroupsPath") ?? ""
    resources = ResourceConfig(
      linux.object("resources", done: ResourceConfig.done, refused: ResourceConfig.refused) ?? empty)
    sysctls = Self.sysctls(linux, newNamespaces.union(joinedNamespaces.reduce([]) { $0.union($1.kind) }))
    seccomp = SeccompReader.read(linux)
    seccompFlags = SeccompReader.flagBits(linux)
    maskedPaths = linux.strings("maskedPaths")
    readonlyPaths = linux.strings("readonlyPaths")
    rootPropagation = Self.rootPropagation(linux)
    personality = PersonalityReader.personality(linux)
    timeOffsets = PersonalityReader.timeOffsets(linux, newNamespaces)
    checkTogether(top)
  }

  static let linuxDone = [
    "namespaces", "uidMappings", "gidMappings", "devices", "cgroupsPath", "resources", "sysctl", "seccomp",
    "maskedPaths",
    "readonlyPaths", "rootfsPropagation", "personality", "timeOffsets",
  ]
  static let linuxRefused = ["mountLabel", "intelRdt", "netDevices", "memoryPolicy"]

  /// What is right by itself and wrong beside something else.
  private func checkTogether(_ top: Fields) {
    if !newNamespaces.contains(.mount) {
      top.refuse(
        "linux.namespaces", "a container needs a mount namespace of its own, or it would change the host's mounts")
    }
    let joined = joinedNamespaces.reduce(Namespaces()) { $0.union($1.kind) }
    if newNamespaces.contains(.user), !joined.isEmpty {
      top.refuse("linux.namespaces", "microrun does not join namespaces by path together with a new user namespace")
    }
    if !newNamespaces.union(joined).contains(.uts), !hostname.isEmpty || !domainName.isEmpty {
      top.refuse("hostname", "without a uts namespace it would rename the host")
    }
    if newNamespaces.contains(.user), uidMappings.isEmpty || gidMappings.isEmpty {
      top.refuse("linux.uidMappings", "a user namespace needs uidMappings and gidMappings")
    }
    if !newNamespaces.contains(.user), !uidMappings.isEmpty || !gidMappings.isEmpty {
      top.refuse("linux.uidMappings", "without a user namespace they mean nothing")
    }
  }

  // MARK: linux

  private static func namespaces(_ linux: Fields) -> (Namespaces, [JoinedNamespace]) {
    var new = Namespaces()
    var joined: [JoinedNamespace] = []
    for fields in linux.objects("namespaces", done: ["type", "path"]) {
      guard let kind = namespace(fields) else { continue }
      if new.contains(kind) || joined.contains(where: { $0.kind == kind }) {
        fields.refuse("type", "this kind of namespace is there twice")
      }
      guard let path = fields.string("path"), !path.isEmpty else {
        new.insert(kind)
        continue
      }
      if kind == .mount || kind == .user {
        fields.refuse("path", "microrun does not join a \(kind.description) namespace")
      } else if path.utf8.first != UInt8(ascii: "/") {
        fields.refuse("path", "\(path) is not absolute")
      }
      joined.append(JoinedNamespace(kind: kind, path: path))
    }
    return (new, joined)
  }

  private static func namespace(_ fields: Fields) -> Namespaces? {
    let kind = fields.string("type") ?? ""
    switch kind {
    case "mount": return .mount
    case "pid": return .pid
    case "uts": return .uts
    case "ipc": return .ipc
    case "network": return .network
    case "cgroup": return .cgroup
    case "user": return .user
    case "time": return .time
    default:
      fields.refuse("type", "\"\(kind)\" is no kind of namespace")
      return nil
    }
  }

  private static func mappings(_ linux: Fields, _ name: String) -> [IDMapping] {
    linux.objects(name, done: ["containerID", "hostID", "size"]).map { fields in
      IDMapping(
        containerID: fields.id("containerID") ?? 0, hostID: fields.id("hostID") ?? 0, size: fields.id("size") ?? 0)
    }
  }

  private static func rootPropagation(_ linux: Fields) -> Propagation {
    let name = linux.string("rootfsPropagation") ?? ""
    if name.isEmpty { return .private }
    if let found = MountReader.propagation(of: name) { return found }
    linux.refuse("rootfsPropagation", "\"\(name)\" is none of private, slave, shared, unbindable")
    return .private
  }

  /// Only what belongs to a namespace of the container: anything else would change the host.
  private static func sysctls(_ linux: Fields, _ namespaces: Namespaces) -> [Sysctl] {
    var result: [Sysctl] = []
    for (name, value) in linux.pairs("sysctl") {
      // Where a name has slashes, its dots are no separators.
      let hasSlash = name.utf8.contains(UInt8(ascii: "/"))
      let path = hasSlash ? name : ASCII.string(name.utf8.map { $0 == UInt8(ascii: ".") ? UInt8(ascii: "/") : $0 })
      let parts = ASCII.split(Array(path.utf8)[...], at: UInt8(ascii: "/"))
      let isSound = !parts.contains { $0.isEmpty || $0.elementsEqual(".".utf8) || $0.elementsEqual("..".utf8) }
      guard isSound, let owner = owner(ofSysctl: path) else {
        linux.refuse("sysctl.\(name)", "it belongs to no namespace: it would change the host")
        continue
      }
      if !namespaces.contains(owner) {
        linux.refuse("sysctl.\(name)", "without a \(owner.description) namespace it would change the host")
      }
      result.append(Sysctl(path: path, value: value))
    }
    return result
  }

  private static func owner(ofSysctl path: String) -> Namespaces? {
    if path.utf8.starts(with: "net/".utf8) { return .network }
    if path.utf8.starts(with: "fs/mqueue/".utf8) { return .ipc }
    switch path {
    case "kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem", "kernel/shmall", "kernel/shmmax",
      "kernel/shmmni",
      "kernel/shm_rmid_forced":
      return .ipc
    case "kernel/hostname", "kernel/domainname": return .uts
    default: return nil
    }
  }
}

extension HookConfig {
  static let kinds = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]

  fileprivate init(_ top: Fields) {
    guard let fields = top.object("hooks", done: HookConfig.kinds) else { return }
    prestart = Self.read(fields, "prestart")
    createRuntime = Self.read(fields, "createRuntime")
    createContainer = Self.read(fields, "createContainer")
    startContainer = Self.read(fields, "startContainer")
    poststart = Self.read(fields, "poststart")
    poststop = Self.read(fields, "poststop")
  }

  private static func read(_ fields: Fields, _ name: String) -> [Hook] {
    fields.objects(name, done: ["path", "args", "env", "timeout"]).map { hook in
      let path = hook.string("path") ?? ""
      if path.utf8.first != UInt8(ascii: "/") { hook.refuse("path", "it must be absolute") }
      let args = hook.strings("args")
      let timeout = hook.unsigned("timeout")
      if timeout == 0 { hook.refuse("timeout", "it must be above 0") }
      return Hook(path: path, args: args.isEmpty ? [path] : args, env: hook.strings("env"), timeoutSeconds: timeout)
    }
  }
}
