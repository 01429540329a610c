// sources: Sources/OCIRuntime Sources/ContainerRunner Sources/Cgroups Sources/LinuxSystem Sources/Netlink Sources/Images/JSON Sources/Basics
// C: Sources/CSystem/client.c Sources/CSystem/confinement.c Sources/CSystem/device_filter.c Sources/CSystem/devices.c Sources/CSystem/executor.c Sources/CSystem/executor_clone.c Sources/CSystem/executor_copy.c Sources/CSystem/executor_files.c Sources/CSystem/executor_hook.c Sources/CSystem/executor_mounter.c Sources/CSystem/executor_mounts.c Sources/CSystem/executor_overlay.c Sources/CSystem/executor_privileges.c Sources/CSystem/executor_process.c Sources/CSystem/executor_runtime.c Sources/CSystem/executor_terminal.c Sources/CSystem/files.c Sources/CSystem/files_at.c Sources/CSystem/memory.c Sources/CSystem/messages.c Sources/CSystem/networks.c Sources/CSystem/notify.c Sources/CSystem/processes.c Sources/CSystem/program.c Sources/CSystem/quotas.c Sources/CSystem/random.c Sources/CSystem/sockets.c
// Any bytes are a config.json that can be done as a whole, or some lines for a person. What can be done names nothing of the
// host beyond what it may: control groups' files, kernel parameters, devices. Its plan is read back as it was made.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRuntimeConfig(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  do throws(ConfigError) {
    check(try RuntimeConfig.read(input))
  } catch {
    precondition((1...ConfigReader.maxProblems).contains(error.lines.count), "no line, or too many")
  }
  if let resources = try? ResourceConfig.read(input) { for layout in layouts { check(resources, layout) } }
  _ = try? RuntimeConfig.readProcess(input)
  if let record = ContainerRecord(input) {
    precondition(ContainerRecord(Array(record.text.utf8))?.text == record.text, "another record after a round trip")
  }
  return 0
}

private let layouts = [
  CgroupLayout(
    version: .v1,
    hierarchies: CgroupController.allCases.map { .init(mountPoint: "/groups/\($0.rawValue)", controllers: [$0]) }),
  CgroupLayout(version: .v2, hierarchies: [.init(mountPoint: "/groups", controllers: CgroupController.allCases)]),
]

private func check(_ config: RuntimeConfig) {
  precondition(!config.root.path.isEmpty && config.newNamespaces.contains(.mount), "it would change the host's mounts")
  for mount in config.mounts { precondition(mount.destination.hasPrefix("/"), "a mount that is somewhere") }
  for device in config.devices { precondition(device.path.hasPrefix("/dev/") && !leadsUp(device.path), "a device elsewhere") }
  for sysctl in config.sysctls { precondition(!leadsUp(sysctl.path), "a parameter elsewhere") }
  let hooks = config.hooks
  for hook in hooks.prestart + hooks.createRuntime + hooks.createContainer + hooks.startContainer + hooks.poststop {
    precondition(hook.path.hasPrefix("/") && !hook.args.isEmpty && hook.timeoutSeconds != 0, "a hook that cannot be run")
  }
  for layout in layouts {
    check(config.resources, layout)
    guard let process = config.process, let group = try? Cgroup("a/b", in: layout) else { continue }
    for is64Bit in [false, true] {
      let spec = config.spec(name: "c", bundle: "/bundle", process: process, cgroup: group, is64Bit: is64Bit)
      precondition(spec.seccompFilter.count <= 2 * SeccompFilter.maxInstructions, "a filter that no kernel takes")
      let facts = HostFacts(kernel: KernelVersion(6, 1), is64Bit: is64Bit)
      if let plan = try? LaunchPlan(runtime: spec, facts: facts) { check(plan) }
      if let plan = try? LaunchPlan(execInRuntime: spec, facts: facts) { check(plan) }
      for hook in spec.createHooks + spec.startHooks {
        let text = hook.stateBeforeNumber + "1" + hook.stateAfterNumber
        precondition((try? JSONReader.read(Array(text.utf8), limits: RuntimeConfig.limits)) != nil, "no state")
      }
    }
  }
}

private func check(_ plan: LaunchPlan) {
  precondition(plan.describe().count == plan.stepCount, "a plan with other steps than it says")
}

private func check(_ resources: ResourceConfig, _ layout: CgroupLayout) {
  guard let group = try? Cgroup("a/b", in: layout, controllers: resources.controllers(on: layout)),
    let operations = try? resources.operations(on: group)
  else { return }
  for operation in operations {
    guard case .write(let path, _) = operation else { preconditionFailure("a limit that is no write") }
    let file = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { path[..<$0] } ?? ""
    precondition(group.directories.contains(String(file)) && !leadsUp(path), "a limit of another group")
  }
}

private func leadsUp(_ path: String) -> Bool { path.split(separator: "/").contains("..") }
