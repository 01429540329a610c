import CSystem

extension LaunchPlan {
  /// The kernel from which mounts get their options before anybody sees them, without which there is no runtime plan.
  public static let oldestKernelOfRuntime = KernelVersion(5, 12)

  /// The plan of an OCI runtime's container.
  public init(runtime spec: RuntimeSpec, facts: HostFacts) throws(PlanError) {
    try spec.check(facts)
    let container = spec.container
    let userNamespace = container.namespaces.contains(.user)
    name = container.name
    mounterSteps = StepList()
    agentSteps = spec.agentSteps()
    childSteps = spec.childSteps(facts)
    clonedNamespaces = container.namespaces.subtracting(.enteredByChild)
    userMap = userNamespace ? IDMapping.text(container.uidMappings) : nil
    groupMap = userNamespace ? IDMapping.text(container.gidMappings) : nil
    needsUserNamespace = false
    isBornInCgroup = container.cgroup.isBornInto
    isBornInContainer = spec.joinedNamespaces.contains { $0.kind == .pid }
    try checkTexts()
  }

  /// The plan of a program beside those that a container runs. `LaunchDescriptors.container` is a pidfd of its first process.
  ///
  /// - Parameter spec: as for `init(runtime:)`, but for `process`, which is that program's; of `cgroup` only the way in counts.
  public init(execInRuntime spec: RuntimeSpec, facts: HostFacts) throws(PlanError) {
    try spec.checkExec(facts)
    name = spec.container.name
    mounterSteps = StepList()
    agentSteps = spec.execAgentSteps()
    childSteps = spec.execChildSteps()
    clonedNamespaces = []
    userMap = nil
    groupMap = nil
    needsUserNamespace = false
    isBornInCgroup = spec.container.cgroup.isBornInto
    isBornInContainer = spec.allNamespaces.contains(.pid)
    try checkTexts()
  }
}

extension RuntimeSpec {
  /// Those that the container's processes are in and the runtime is not.
  var allNamespaces: Namespaces {
    joinedNamespaces.reduce(container.namespaces) { $0.union($1.kind) }
  }

  fileprivate func check(_ facts: HostFacts) throws(PlanError) {
    let name = container.name
    if facts.kernel < LaunchPlan.oldestKernelOfRuntime { throw PlanError(name, .kernelTooOldForRuntime(facts.kernel)) }
    if container.process.args.first?.isEmpty ?? true { throw PlanError(name, .noProgram) }
    var named = container
    if joinedNamespaces.contains(where: { $0.kind == .uts }) { named.hostname = "" }
    try named.checkNamespaces(facts)
    try checkPaths()
    try checkCounts()
  }

  fileprivate func checkExec(_ facts: HostFacts) throws(PlanError) {
    let name = container.name
    if container.process.args.first?.isEmpty ?? true { throw PlanError(name, .noProgram) }
    try checkAbsolute([container.process.cwd])
    try checkCounts()
  }

  private func checkPaths() throws(PlanError) {
    var paths = [container.root.path, container.process.cwd] + container.maskedPaths + container.readonlyPaths
    paths += mounts.map { $0.destination } + mounts.filter { $0.isBind }.map { $0.source }
    paths += devices.map { $0.path } + joinedNamespaces.map { $0.path }
    try checkAbsolute(paths)
  }

  private func checkAbsolute(_ paths: [String]) throws(PlanError) {
    for path in paths where path.utf8.first != UInt8(ascii: "/") {
      throw PlanError(container.name, .notAbsolute(path: path))
    }
  }

  private func checkCounts() throws(PlanError) {
    try container.checkLimits()
    let counts: [(String, Int, Int)] = [
      ("bind mounts", mounts.filter { $0.isBind }.count, Int(Slot.maxBinds)),
      ("namespaces by path", joinedNamespaces.count, Int(Slot.maxNamespaces)),
      ("seccomp instructions", seccompFilter.count / 2, SeccompFilter.maxInstructions),
    ]
    for (what, count, limit) in counts where count > limit {
      throw PlanError(container.name, .tooMany(what, limit: limit))
    }
  }
}
