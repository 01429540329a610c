import Basics
import Cgroups
import ContainerRunner

extension RuntimeConfig {
  /// What ContainerRunner starts of this configuration.
  ///
  /// - Parameters:
  ///   - bundle: the absolute path of the bundle's directory.
  ///   - cgroup: the container's group.
  ///   - is64Bit: the kernel runs x86_64 programs.
  public func spec(name: String, bundle: String, process: ProcessConfig, cgroup: Cgroup, is64Bit: Bool) -> RuntimeSpec {
    let isAbsolute = root.path.utf8.first == UInt8(ascii: "/")
    var rootSpec = RootSpec(path: isAbsolute ? root.path : bundle + "/" + root.path, readonly: root.readonly)
    rootSpec.idsAreMapped = true
    var container = ContainerSpec(name: name, process: process.spec, root: rootSpec, hostname: hostname)
    container.namespaces = newNamespaces
    container.uidMappings = uidMappings
    container.gidMappings = gidMappings
    container.maskedPaths = maskedPaths
    container.readonlyPaths = readonlyPaths
    // A /dev that is somebody's own is complete or meant as it is.
    container.makesStandardDevices = !mounts.contains { $0.destination == "/dev" && $0.type == "bind" }
    var spec = RuntimeSpec(container)
    spec.joinedNamespaces = joinedNamespaces
    spec.domainName = domainName
    spec.mounts = mounts(cgroup)
    spec.devices = devices
    spec.sysctls = sysctls
    spec.rootPropagation = rootPropagation
    spec.seccompFilter = seccomp?.numbers(is64Bit: is64Bit) ?? []
    spec.console = process.terminal ? process.console : nil
    spec.seccompFlags = seccompFlags
    spec.personality = personality
    spec.timeOffsets = timeOffsets
    spec.scheduler = process.scheduler
    spec.ioPriority = process.ioPriority
    spec.waitsForHooks = !hooks.prestart.isEmpty || !hooks.createRuntime.isEmpty
    spec.createHooks = hookSpecs(hooks.createContainer, .creating, name, bundle)
    spec.startHooks = hookSpecs(hooks.startContainer, .created, name, bundle)
    return spec
  }

  /// The process's number is put between the two halves of the state by whoever has it.
  private func hookSpecs(_ hooks: [Hook], _ status: ContainerStatus, _ id: String, _ bundle: String) -> [HookSpec] {
    if hooks.isEmpty { return [] }
    let (before, after) = ContainerRecord.stateAroundNumber(id: id, bundle: bundle, status, annotations: annotations)
    return hooks.map {
      HookSpec(
        path: $0.path, args: $0.args, env: $0.env, timeoutSeconds: UInt32(clamping: $0.timeoutSeconds ?? 0),
        stateBeforeNumber: before, stateAfterNumber: after)
    }
  }

  /// With `cgroup`, which no v2 kernel has as a type of its own, and of which v1 has one mount a hierarchy.
  private func mounts(_ cgroup: Cgroup) -> [RuntimeMount] {
    var result: [RuntimeMount] = []
    for mount in mounts {
      guard mount.type == "cgroup" || mount.type == "cgroup2" else {
        result.append(mount)
        continue
      }
      result += cgroup.layout.version == .v1 ? legacyMounts(mount, cgroup) : [unifiedMount(mount, cgroup)]
    }
    return result
  }

  private func unifiedMount(_ mount: RuntimeMount, _ cgroup: Cgroup) -> RuntimeMount {
    var mount = mount
    mount.data = ""
    mount.source = "cgroup"
    mount.type = "cgroup2"
    guard !newNamespaces.contains(.cgroup), !joinedNamespaces.contains(where: { $0.kind == .cgroup }) else {
      return mount
    }
    // Without a namespace of its own it would show the whole tree.
    mount.type = "bind"
    mount.source = cgroup.directories.first ?? mount.source
    return mount
  }

  /// The container's own group of each hierarchy that it is in, and nothing of what lies beside it.
  private func legacyMounts(_ mount: RuntimeMount, _ cgroup: Cgroup) -> [RuntimeMount] {
    var base = RuntimeMount(destination: mount.destination, type: "tmpfs", source: "tmpfs")
    base.attributes = mount.attributes
    base.data = "mode=755,size=64k"
    var result = [base]
    for hierarchy in cgroup.layout.hierarchies {
      let directory = hierarchy.mountPoint + "/" + cgroup.name
      guard cgroup.directories.contains(directory) else { continue }
      let name = Array(hierarchy.mountPoint.utf8)
      let last = name.lastIndex(of: UInt8(ascii: "/")).map { ASCII.string(name[($0 + 1)...]) } ?? ""
      var bind = RuntimeMount(destination: mount.destination + "/" + last, type: "bind", source: directory)
      bind.attributes = mount.attributes
      bind.propagation = .private
      result.append(bind)
    }
    return result
  }
}
