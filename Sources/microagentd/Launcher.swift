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
    if facts.kernel < KernelVersion.oldestSupported {
      throw StartError(
        "kernel \(facts.kernel) is too old: containers need Linux \(KernelVersion.oldestSupported) or newer")
    }
  }

  func cgroup(of name: String) -> Cgroup {
    Cgroup(layout, "\(configuration.cgroup)/\(name)")
  }

  /// The launch plan of a request; nothing is done yet.
  func plan(_ request: ContainerRequest, name: String, upper: String, work: String) throws(RequestError) -> LaunchPlan {
    guard Files.isDirectory(request.root) else {
      throw RequestError(.invalid, "root file system \(request.root): there is no such directory")
    }
    let placement = try placement(request.budget, name)
    var root = RootSpec(path: request.root, readonly: request.readOnlyRoot)
    if !request.readOnlyRoot { root.overlay = OverlaySpec(upper: upper, work: work) }
    var spec = ContainerSpec.standard(
      name: name, root: root, args: request.command, env: environment(request), cwd: request.workingDirectory,
      user: UserSpec(uid: request.user, gid: request.group),
      firstHostID: request.userNamespace ? UInt32(configuration.firstUserID) : 0,
      hostNetwork: request.network == .host, cgroup: placement)
    spec.hostname = request.hostname.isEmpty ? name : request.hostname
    // The agent may be protected from the kernel's out-of-memory killer; its containers must not be.
    spec.process.oomScoreAdj = 0
    spec.mounts += request.mounts.map { mount in
      MountSpec(
        destination: mount.target, type: "bind", source: mount.source,
        options: mount.readOnly ? [.bind, .nosuid, .nodev, .readonly] : [.bind, .nosuid, .nodev])
    }
    return try plan(spec, name)
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

  private func placement(_ budget: Budget, _ name: String) throws(RequestError) -> CgroupPlacement {
    CgroupPlacement()
  }

  /// Performs a plan up to the point before the program runs.
  func start(_ plan: LaunchPlan, output: borrowing FileDescriptor) throws(RequestError) -> StartedProcess {
    let namespace: CInt
    do throws(SystemError) {
      namespace = try userNamespace(for: plan)
    } catch {
      throw RequestError(.failed, "container \(plan.name): \(error)")
    }
    do throws(LaunchError) {
      return try ContainerProcess.start(
        plan,
        LaunchDescriptors(
          standardOutput: output.rawValue, standardError: output.rawValue, userNamespace: namespace))
    } catch {
      throw RequestError(.failed, "\(error)")
    }
  }

  private func userNamespace(for plan: LaunchPlan) throws(SystemError) -> CInt {
    guard plan.needsUserNamespace else { return -1 }
    if userNamespace == nil { userNamespace = try UserNamespace.make(plan) }
    return userNamespace?.rawValue ?? -1
  }
}
