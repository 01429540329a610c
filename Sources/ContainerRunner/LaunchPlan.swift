import CSystem
import LinuxSystem

/// Everything that starting a container does, decided beforehand: the steps of the mounter if there is one, those of the
/// agent, the clone, those of the child, as the very bytes that the executor performs. A pure function of the spec and
/// the host's facts.
public struct LaunchPlan: Hashable, Sendable {
  public static let maxAdditionalGids = Int(EXECUTOR_MAX_GROUPS)
  /// Layers of a root file system beside the uppermost.
  public static let maxLowers = Int(Slot.maxLowers)
  public static let maxMappings = 340  // the kernel's, user_namespaces(7)

  public let name: String
  /// Performed by a process of its own, the mounter, beside the agent's steps; empty where nothing needs one.
  public let mounterSteps: StepList
  public let agentSteps: StepList
  public let childSteps: StepList
  /// What clone3(2) makes; the child enters the rest itself.
  public let clonedNamespaces: Namespaces
  /// The text of /proc/PID/uid_map; nil without a user namespace.
  public let userMap: String?
  public let groupMap: String?
  /// The child is born in the cgroup v2 directory that the agent's steps opened.
  public let isBornInCgroup: Bool
  /// An id-mapped mount needs a user namespace (`UserNamespace`) handed in.
  public let needsUserNamespace: Bool
  /// The child is born in the pid namespace of a container that is there already, whose process is handed in.
  let isBornInContainer: Bool

  /// - Parameter rootMagic: `HostFacts.fileSystemMagic(of: spec.root.path)`, which decides whether ids can be mapped.
  public init(_ spec: ContainerSpec, facts: HostFacts, rootMagic: UInt64) throws(PlanError) {
    try spec.check(facts, rootMagic: rootMagic)
    let userNamespace = spec.namespaces.contains(.user)
    name = spec.name
    mounterSteps = spec.mounterSteps(facts)
    agentSteps = spec.agentSteps(facts)
    childSteps = spec.childSteps(facts)
    clonedNamespaces = spec.namespaces.subtracting(.enteredByChild)
    userMap = userNamespace ? IDMapping.text(spec.uidMappings) : nil
    groupMap = userNamespace ? IDMapping.text(spec.gidMappings) : nil
    needsUserNamespace = spec.needsIDMappedMounts
    isBornInCgroup = spec.cgroup.isBornInto
    isBornInContainer = false
    try checkTexts()
  }

  /// The plan of a program beside those that a container runs, with the same rights (docs/ARCHITECTURE.md, "An exec").
  ///
  /// - Parameter spec: the container's, but for `process`, which is that program's. Its root and mounts are those that are
  ///   there, and of `cgroup` only the way in counts.
  public init(
    execIn spec: ContainerSpec, facts: HostFacts, streams: ExecStreams = .output
  ) throws(PlanError) {
    try spec.checkExec(facts)
    name = spec.name
    mounterSteps = StepList()
    agentSteps = spec.execAgentSteps(streams)
    childSteps = spec.execChildSteps(facts, streams)
    clonedNamespaces = []
    userMap = nil
    groupMap = nil
    needsUserNamespace = false
    isBornInCgroup = spec.cgroup.isBornInto
    isBornInContainer = spec.namespaces.contains(.pid)
    try checkTexts()
  }

  func checkTexts() throws(PlanError) {
    if let text = mounterSteps.badText ?? agentSteps.badText ?? childSteps.badText {
      throw PlanError(name, .nulInText(text))
    }
  }

  /// How many steps there are: the mounter's with its making, the agent's, the clone, the child's.
  public var stepCount: Int { firstChildStep + childSteps.count - 1 }

  // Steps are numbered through, from 1.
  public static let firstMounterStep = 2
  public var hasMounter: Bool { !mounterSteps.bytes.isEmpty }
  public var firstAgentStep: Int { hasMounter ? Self.firstMounterStep + mounterSteps.count : 1 }
  var cloneStep: Int { firstAgentStep + agentSteps.count }
  public var firstChildStep: Int { cloneStep + 1 }

  /// The numbered list for people, read back from the bytes: `7 mount proc on /proc (nosuid,nodev,noexec)`.
  public func describe() -> [String] {
    var lines: [String] = []
    func add(_ line: String) { lines.append("\(lines.count + 1) \(line)") }
    if hasMounter { add(Self.mounterAction) }
    for step in mounterSteps.steps { add(step.description) }
    for step in agentSteps.steps { add(step.description) }
    add(isBornInContainer ? cloneAction : "\(cloneAction) (\(clonedNamespaces.description))")
    for step in childSteps.steps { add(step.description) }
    return lines
  }

  /// What step `number` (from 1) does, for error messages.
  public func step(at number: Int) -> String {
    if number < 1 { return "" }
    if number > stepCount { return "the end of the plan" }
    if number == cloneStep { return cloneAction }
    if number > cloneStep { return childSteps.steps[number - firstChildStep].action }
    if number >= firstAgentStep { return agentSteps.steps[number - firstAgentStep].action }
    return number == 1 ? Self.mounterAction : mounterSteps.steps[number - Self.firstMounterStep].action
  }

  private static let mounterAction = "make the mounter's process"

  private var cloneAction: String {
    if isBornInContainer {
      return "make a process \(isBornInCgroup ? "in the container and its cgroup" : "in the container")"
    }
    return isBornInCgroup ? "make the container's process in its cgroup" : "make the container's process"
  }
}

extension CgroupPlacement {
  var isBornInto: Bool {
    if case .directory = join { true } else { false }
  }
}

extension IDMapping {
  static func text(_ mappings: [IDMapping]) -> String {
    mappings.map { "\($0.containerID) \($0.hostID) \($0.size)\n" }.joined()
  }

  /// The host's id of the container's `id`, or nil if it is not mapped.
  static func hostID(of id: UInt32, in mappings: [IDMapping]) -> UInt32? {
    for mapping in mappings where id >= mapping.containerID && id - mapping.containerID < mapping.size {
      let (hostID, overflow) = mapping.hostID.addingReportingOverflow(id - mapping.containerID)
      return overflow ? nil : hostID
    }
    return nil
  }
}
