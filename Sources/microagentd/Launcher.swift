import Basics
import CSystem
import Cgroups
import ContainerRunner
import LinuxSystem
import MicroAgent

/// Turns what was asked for into what is done: request, spec, plan, process.
final class Launcher {
  let layout: CgroupLayout
  private let configuration: Configuration
  private let facts: HostFacts
  /// A user namespace with the containers' id maps; made when the first container needs it.
  private var userNamespace: FileDescriptor?
  /// Locked as long as this agent lives.
  private var claimed: FileDescriptor?

  init(_ configuration: Configuration) throws(StartError) {
    self.configuration = configuration
    do throws(CgroupError) {
      layout = try CgroupLayout.discover()
    } catch {
      throw StartError("\(error)")
    }
    do throws(SystemError) {
      facts = try HostFacts.discover()
    } catch {
      throw StartError("\(error)")
    }
    Mounter.prepare()
    if facts.kernel < KernelVersion.oldestSupported {
      throw StartError(
        "kernel \(facts.kernel) is too old: containers need Linux \(KernelVersion.oldestSupported) or newer")
    }
  }

  // MARK: Control groups

  /// The group above all containers; its limit is what the node gives.
  private func parentGroup() throws(CgroupError) -> Cgroup {
    try Cgroup(configuration.cgroup, in: layout)
  }

  /// What the agent is to know of a container while it lives.
  func entry(for container: Container) -> LiveContainer {
    LiveContainer(
      id: container.id, name: container.name, cgroup: try? cgroup(of: container.name),
      memoryLimitBytes: container.request.budget.memoryBytes)
  }

  func cgroup(of name: String) throws(CgroupError) -> Cgroup {
    try parentGroup().child(name)
  }

  /// Makes the group above all containers, with a limit on what they may have together.
  func limitAll(to offerBytes: UInt64) throws(StartError) {
    let group: Cgroup
    do throws(CgroupError) {
      let limits = CgroupLimits(memoryBytes: layout.has(.memory) ? offerBytes : nil)
      group = try parentGroup()
      try group.createParent(limits).perform()
    } catch {
      throw StartError("\(error)")
    }
    try claim(group)
  }

  /// What is in the group and belongs to no container of ours is ended, so no two agents may have the same one.
  private func claim(_ group: Cgroup) throws(StartError) {
    guard let directory = group.directories.first else { return }
    do throws(SystemError) {
      let file = try FileDescriptor.open(directory + "/cgroup.procs", O_RDWR)
      try check(system_lock(file.rawValue), "claim control group", group.name)
      claimed = .some(file)
    } catch {
      guard error.errno == .wouldBlock else { throw StartError("\(error)") }
      throw StartError("control group \(group): it is in use by another agent: stop it, or set another cgroup")
    }
  }

  /// Makes the group in which a layer is unpacked. It lies among those of containers, whose names begin with a letter or
  /// digit, so that what a dead agent left in it ends as theirs does.
  ///
  /// - Parameter directory: where its files go. Those of a file system in memory are charged to it, and are bounded by what is
  ///   free there; so it has no bound of its own then.
  func makeUnpackerGroup(writingTo directory: String) throws(CgroupError) -> Cgroup {
    let group = try cgroup(of: Self.unpackerName)
    let magic = try? HostFacts.fileSystemMagic(of: directory)
    let isInMemory = magic.map { Self.memoryFileSystems.contains($0) } ?? false
    let limits = CgroupLimits(
      memoryBytes: isInMemory ? nil : Self.unpackerBytes, swapBytes: isInMemory ? nil : 0, oomGroup: true,
      pids: Self.unpackerProcesses)
    try group.create(limits, withParents: false).perform()
    return group
  }

  private static let unpackerName = ".unpacker"
  /// tmpfs and ramfs (statfs(2)).
  private static let memoryFileSystems: [UInt64] = [0x0102_1994, 0x8584_58F6]
  /// Most of it is page cache that waits for the disk; it does with a quarter.
  private static let unpackerBytes: UInt64 = 8 << 20
  /// Itself and the confined one, and some room.
  private static let unpackerProcesses: UInt64 = 4

  /// Removes the group above all containers where it holds none.
  func removeIfEmpty() {
    // An unpacker that was killed may have been in it still when that was looked after.
    _ = try? cgroup(of: Self.unpackerName).remove()
    guard let group = try? parentGroup(), groupNames().isEmpty else { return }
    _ = try? group.remove()
  }

  /// The names of the containers' groups that exist, whoever made them.
  func groupNames() -> [String] {
    guard let directories = try? parentGroup().directories else { return [] }
    var names: [String] = []
    for directory in directories {
      for name in (try? Files.subdirectories(directory)) ?? [] where !names.contains(name) { names.append(name) }
    }
    return names
  }

  private func placement(_ budget: Budget, _ name: String) throws(RequestError) -> CgroupPlacement {
    do throws(CgroupError) {
      let group = try cgroup(of: name)
      var placement = CgroupPlacement()
      for operation in try group.create(CgroupLimits(budget), withParents: false).operations {
        placement.add(operation)
      }
      for operation in group.joinOperations() { placement.add(operation) }
      return placement
    } catch {
      throw RequestError(.failed, "container \(name): \(error)")
    }
  }

  /// The launch plan of a request; nothing is done yet.
  /// - Parameters:
  ///   - overlay: where what it writes goes, unless its root is read-only.
  ///   - networkFiles: what it is shown of its network; nil: it has none, or the board's.
  func plan(
    _ request: ContainerRequest, name: String, image: ImageRoot?, overlay: OverlaySpec,
    networkFiles: NetworkFiles?
  ) throws(RequestError) -> LaunchPlan {
    var root = try root(of: request, image)
    let placement = try placement(request.budget, name)
    // What is deleted as soon as it has ended need not reach the disk.
    if !request.readOnlyRoot {
      root.overlay = overlay
      root.overlay?.isVolatile = request.removesWhenEnded && request.restart == .no
    }
    var spec = spec(request, name, root, placement)
    spec.hostname = request.hostname.isEmpty ? name : request.hostname
    if let networkFiles { spec.mounts += networkFiles.mounts(for: request, root) }
    spec.mounts += request.mounts.map { mount in
      MountSpec(
        destination: mount.target, type: "bind", source: mount.source,
        options: mount.readOnly ? [.nosuid, .nodev, .readonly] : [.nosuid, .nodev])
    }
    return try plan(spec, name)
  }

  /// The plan of a program that is run in a container beside its own.
  /// - Parameter request: the container's, but for the program.
  func execPlan(
    _ request: ContainerRequest, name: String, streams: ExecStreams
  ) throws(RequestError) -> LaunchPlan {
    var placement = CgroupPlacement()
    do throws(CgroupError) {
      for operation in try cgroup(of: name).joinOperations() { placement.add(operation) }
    } catch {
      throw RequestError(.failed, "container \(name): \(error)")
    }
    do throws(PlanError) {
      return try LaunchPlan(
        execIn: spec(request, name, RootSpec(path: "/"), placement), facts: facts, streams: streams)
    } catch {
      throw RequestError(.invalid, "\(error)")
    }
  }

  /// What a container's programs may do, and in what.
  private func spec(
    _ request: ContainerRequest, _ name: String, _ root: RootSpec, _ placement: CgroupPlacement
  ) -> ContainerSpec {
    var spec = ContainerSpec.standard(
      name: name, root: root, args: request.command, env: environment(request), cwd: request.workingDirectory,
      user: UserSpec(uid: request.user, gid: request.group),
      firstHostID: request.userNamespace ? UInt32(configuration.firstUserID) : 0,
      hostNetwork: request.network == .host, cgroup: placement)
    // The agent may be protected from the kernel's out-of-memory killer; its containers must not be.
    spec.process.oomScoreAdj = 0
    if !request.anyISA { spec.process.lacking = Processor.lacking }
    return spec
  }

  private func root(of request: ContainerRequest, _ image: ImageRoot?) throws(RequestError) -> RootSpec {
    guard !request.manifest.isEmpty else {
      guard Files.isDirectory(request.root) else {
        throw RequestError(.invalid, "root file system \(request.root): there is no such directory")
      }
      return RootSpec(path: request.root, readonly: request.readOnlyRoot)
    }
    guard let image, let uppermost = image.layers.first else {
      throw RequestError(.notFound, "image \(request.image): it is not here any more: push it again")
    }
    var root = RootSpec(path: uppermost, readonly: request.readOnlyRoot, idsAreMapped: image.idsAreMapped)
    root.below = Array(image.layers.dropFirst())
    return root
  }

  /// Whether the layers of images that lie there can be shown to containers with ids of their own.
  func canMapIDs(below directory: String) throws(SystemError) -> Bool {
    facts.canMapIDs(fileSystemMagic: try HostFacts.fileSystemMagic(of: directory), belowOverlay: true)
  }

  private func plan(_ spec: ContainerSpec, _ name: String) throws(RequestError) -> LaunchPlan {
    let magic: UInt64
    do throws(SystemError) {
      magic = try HostFacts.fileSystemMagic(of: spec.root.path)
    } catch {
      throw RequestError(.failed, "container \(name): \(error)")
    }
    do throws(PlanError) {
      return try LaunchPlan(spec, facts: facts, rootMagic: magic)
    } catch {
      throw RequestError(.invalid, "\(error)")
    }
  }

  private func environment(_ request: ContainerRequest) -> [String] {
    let path = Array("PATH=".utf8)
    if request.environment.contains(where: { $0.utf8.starts(with: path) }) { return request.environment }
    return [ContainerSpec.standardPath] + request.environment
  }

  func startMounter(_ plan: LaunchPlan) throws(RequestError) -> Mounter {
    let namespace = try userNamespace(for: plan)
    let crash = CrashPoint.passAll(plan.mounterSteps.count) { index in
      let number = LaunchPlan.firstMounterStep + index
      return "before step \(number): \(plan.step(at: number))"
    }
    do throws(LaunchError) {
      return try Mounter.start(
        plan, userNamespace: namespace, killing: crash.map { (processes: CrashPoint.victims, beforeStep: $0) })
    } catch {
      throw RequestError(.failed, "\(error)")
    }
  }

  /// Performs a plan up to the point before the program runs.
  /// - Parameter mounts: `Mounter.mounts` if it has a mounter, else -1.
  func start(
    _ plan: LaunchPlan, output: borrowing FileDescriptor, mounts: CInt
  ) throws(RequestError) -> StartedProcess {
    let namespace = try userNamespace(for: plan)
    do throws(LaunchError) {
      return try ContainerProcess.start(
        plan,
        LaunchDescriptors(
          standardOutput: output.rawValue, standardError: output.rawValue, userNamespace: namespace,
          mounts: mounts)
      ) { point in
        switch point {
        case .beforeStep(let number): CrashPoint.pass("before step \(number): \(plan.step(at: number))")
        case .cloned: CrashPoint.pass("before its ids are mapped")
        }
      }
    } catch {
      throw RequestError(.failed, "\(error)")
    }
  }

  /// Sets a program up that enters a container.
  func start(_ plan: LaunchPlan, _ descriptors: LaunchDescriptors) throws(RequestError) -> StartedProcess {
    do throws(LaunchError) {
      return try ContainerProcess.start(plan, descriptors)
    } catch {
      throw RequestError(.failed, "\(error)")
    }
  }

  private func userNamespace(for plan: LaunchPlan) throws(RequestError) -> CInt {
    guard plan.needsUserNamespace else { return -1 }
    do throws(SystemError) {
      if userNamespace == nil { userNamespace = try UserNamespace.make(plan) }
      return userNamespace?.rawValue ?? -1
    } catch {
      throw RequestError(.failed, "container \(plan.name): \(error)")
    }
  }
}

extension CgroupLimits {
  init(_ budget: Budget) {
    self.init(
      memoryBytes: budget.memoryBytes, swapBytes: 0, oomGroup: true, pids: budget.processes, cpuMillis: budget.cpuMillis
    )
  }
}

extension CgroupPlacement {
  /// Takes over a step that the Cgroups module planned.
  fileprivate mutating func add(_ operation: CgroupOperation) {
    switch operation {
    case .makeDirectory(let path):
      operations.append(.makeDirectory(path))
    case .write(let path, let text):
      operations.append(.write(path: path, text: text))
    case .writeIfPresent(let path, let text):
      // The file is of a group still to be made: whether the kernel has it is seen in the group above.
      if Files.exists(Self.inParent(path)) { operations.append(.write(path: path, text: text)) }
    case .openForJoin(let path, .tasks):
      if case .tasks(let paths) = join { join = .tasks(paths + [path]) } else { join = .tasks([path]) }
    case .openForJoin(let path, .cloneInto):
      join = .directory(path)
    }
  }

  /// `/sys/fs/cgroup/a/b/memory.max` gives `/sys/fs/cgroup/a/memory.max`.
  private static func inParent(_ path: String) -> String {
    var parts = ASCII.split(Array(path.utf8)[...], at: UInt8(ascii: "/"))
    if parts.count >= 3 { parts.remove(at: parts.count - 2) }
    return parts.map { ASCII.string($0) }.joined(separator: "/")
  }
}

/// The root file system that an image gives.
struct ImageRoot {
  /// Directories, from the uppermost on.
  let layers: [String]
  /// Their files belong to the containers' users on the board.
  let idsAreMapped: Bool
}

/// A container's /etc/hosts and /etc/resolv.conf, as files of the board's until they are mounted.
struct NetworkFiles {
  let hosts: String
  let resolver: String

  /// Where they go: not below a mount of the container's own, and not where the root cannot be given a file.
  fileprivate func mounts(for request: ContainerRequest, _ root: RootSpec) -> [MountSpec] {
    [("/etc/hosts", hosts), ("/etc/resolv.conf", resolver)].compactMap { target, source in
      if request.mounts.contains(where: { $0.target == target || $0.target == "/etc" }) { return nil }
      let layers = [root.path] + root.below
      if request.readOnlyRoot, !layers.contains(where: { Files.exists($0 + target) }) { return nil }
      return MountSpec.bind(source, on: target, readonly: true)
    }
  }
}
