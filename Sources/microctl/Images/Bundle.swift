import Basics
import ContainerRunner
import Images
import LinuxSystem
import MicroAgent
import OCIRuntime

/// A bundle of the OCI runtime specification: a directory with a `config.json` and a root file system.
///
/// What it asks for becomes a request, as a command line does. What a request cannot say is refused, where a program could
/// notice; what the node does in its own way, and no less strictly, is passed over: capabilities, seccomp, masked paths, limits
/// of the process, users of the board.
struct Bundle {
  private let path: String
  private let config: RuntimeConfig
  private let process: ProcessConfig

  /// - Parameter path: absolute.
  init(_ path: String) throws(Failure) {
    self.path = path
    let file = "\(path)/config.json"
    let bytes: [UInt8]
    do throws(SystemError) { bytes = try Files.read(file, limitBytes: RuntimeConfig.limits.inputBytes) } catch {
      throw Failure(.refused, "bundle \(path): \(error.description): give a directory with a config.json")
    }
    do throws(ConfigError) { config = try RuntimeConfig.read(bytes) } catch {
      throw Failure(.refused, "bundle \(path): \(Text.joined(error.lines, by: "; "))")
    }
    guard let process = config.process else { throw Self.refusal(path, "process", "it is missing") }
    self.process = process
    if let (field, advice) = beyondRequests { throw Self.refusal(path, field, advice) }
  }

  private static func refusal(_ path: String, _ field: String, _ why: String) -> Failure {
    Failure(.refused, "bundle \(path): \(field): \(why)")
  }

  /// What no request of a container can say, and what to do instead.
  private var beyondRequests: (field: String, advice: String)? {
    let (spec, resources, hooks) = (process.spec, config.resources, config.hooks)
    let elsewhere = "the agent does not do this: take it out, or run the bundle with microrun"
    let hasHooks = ![
      hooks.prestart, hooks.createRuntime, hooks.createContainer, hooks.startContainer, hooks.poststart, hooks.poststop,
    ].allSatisfy { $0.isEmpty }
    let found: [(String, Bool)] = [
      ("process.terminal", process.terminal),
      ("process.user.additionalGids", !spec.user.additionalGids.isEmpty),
      ("process.user.umask", spec.user.umask != UserSpec().umask),
      ("process.scheduler", process.scheduler != nil),
      ("process.ioPriority", process.ioPriority != nil),
      ("process.capabilities", !spec.capabilities.effective.isSubset(of: .standard)),
      ("hooks", hasHooks),
      ("linux.namespaces", !config.joinedNamespaces.isEmpty),
      ("linux.devices", !config.devices.isEmpty),
      ("linux.sysctl", !config.sysctls.isEmpty),
      ("linux.personality", config.personality != nil),
      ("linux.timeOffsets", !config.timeOffsets.isEmpty),
      ("linux.resources.memory.reservation", resources.reservationBytes != nil),
      ("linux.resources.memory.swappiness", resources.swappiness != nil),
      ("linux.resources.cpu.shares", resources.cpuShares != nil),
      ("linux.resources.cpu.cpus", !resources.cpus.isEmpty || !resources.memoryNodes.isEmpty),
      ("linux.resources.unified", !resources.unified.isEmpty),
    ]
    return found.first { $0.1 }.map { ($0.0, elsewhere) }
  }

  /// Fills in what the command line does not say.
  func fill(_ request: inout ContainerRequest, _ arguments: Arguments) throws(Failure) {
    request.root = absolute(config.root.path)
    if request.command.isEmpty { request.command = process.spec.args }
    request.environment = ContainerRequest.merged(process.spec.env, request.environment)
    if config.root.readonly { request.readOnlyRoot = true }
    if request.hostname.isEmpty { request.hostname = config.hostname }
    if !arguments.has(.workdir) { request.workingDirectory = process.spec.cwd }
    if !arguments.has(.user) { (request.user, request.group) = (process.spec.user.uid, process.spec.user.gid) }
    if !arguments.has(.network), request.ports.isEmpty, !config.newNamespaces.contains(.network) {
      request.network = .host
    }
    fillBudget(&request.budget, arguments)
    for mount in config.mounts where !Self.isTheNodes(mount.destination) {
      request.mounts.append(try bind(mount))
    }
  }

  private func fillBudget(_ budget: inout Budget, _ arguments: Arguments) {
    func take(_ limit: Int64?, _ option: Option.Name, into target: inout UInt64) {
      if let limit, limit > 0, !arguments.has(option) { target = UInt64(limit) }
    }
    take(config.resources.memoryBytes, .memory, into: &budget.memoryBytes)
    take(config.resources.pids, .processes, into: &budget.processes)
    if let quota = config.resources.cpuQuotaMicroseconds, quota > 0, quota < Int64.max / 1000 {
      let period = Int64(clamping: max(1, config.resources.cpuPeriodMicroseconds ?? 100_000))
      take(max(1, quota * 1000 / period), .cpus, into: &budget.cpuMillis)
    }
  }

  /// What every container gets of the node as it is.
  private static func isTheNodes(_ destination: String) -> Bool {
    switch destination {
    case "/proc", "/sys", "/sys/fs/cgroup", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue": true
    default: false
    }
  }

  private func bind(_ mount: RuntimeMount) throws(Failure) -> ContainerRequest.Mount {
    guard mount.type == "bind" else {
      throw Self.refusal(
        path, "mounts: \(mount.type) on \(mount.destination)", "the agent only shows files of the node there")
    }
    return ContainerRequest.Mount(
      source: absolute(mount.source), target: mount.destination,
      readOnly: mount.attributes & MountAttribute.readonly != 0)
  }

  private func absolute(_ name: String) -> String {
    name.utf8.first == UInt8(ascii: "/") ? name : "\(path)/\(name)"
  }
}
