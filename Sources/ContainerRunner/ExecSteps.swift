import CSystem

/// How a program comes into a container that runs already. The agent opens what it is given and the way into the control
/// group; the child, born among the container's processes, first makes sure that none of them can look at it, which is a
/// copy of the agent, nor at what that has open; only then it enters the other namespaces. From there on it does what a
/// container's first process does before its program: the same steps give it the same rights.
extension ContainerSpec {
  /// Finds what could not be done before anything is touched.
  func checkExec(_ facts: HostFacts) throws(PlanError) {
    if process.args.first?.isEmpty ?? true { throw PlanError(name, .noProgram) }
    try checkNamespaces(facts)
    if process.cwd.utf8.first != UInt8(ascii: "/") { throw PlanError(name, .notAbsolute(path: process.cwd)) }
    try checkLimits()
  }

  func execAgentSteps(_ streams: ExecStreams) -> StepList {
    var steps = StepList(expectedBytes: 1000)
    switch streams {
    case .output:
      steps.append(EXECUTOR_OPEN, [Slot.standardInput, 0, 0], ["/dev/null"])
      addStreamOwner(to: &steps)
    case .inputAndOutput: addStreamOwner(to: &steps, ofInput: true)
    case .terminal: break
    }
    addCgroupJoin(to: &steps)
    return steps
  }

  func execChildSteps(_ facts: HostFacts, _ streams: ExecStreams) -> StepList {
    var steps = StepList(expectedBytes: 6000)
    steps.append(EXECUTOR_HIDE)
    addBeginning(to: &steps)
    var kept = [Slot.standardInput, Slot.standardOutput, Slot.standardError]
    if case .terminal = streams { kept = [Slot.console] }
    steps.append(EXECUTOR_CLOSE_OTHERS, kept + [Slot.container])
    steps.append(EXECUTOR_JOIN_NAMESPACE, [Slot.container, namespaces.subtracting(.pid).rawValue])
    if namespaces.contains(.user) { addRootUser(to: &steps) }
    if case .terminal(let size) = streams { addTerminal(size, bindingConsole: false, to: &steps) }
    addPrivileges(to: &steps, facts)
    steps.append(EXECUTOR_DIE_WITH_PARENT)
    // An agent that died before the last step is not waited for: the end of its pipe is the child's end.
    steps.append(EXECUTOR_WAIT, [Step.goByte])
    addProgram(to: &steps)
    return steps
  }

  /// Makes a terminal in the container's own devpts, gives its other side away and keeps this one as the standard streams.
  func addTerminal(_ size: ConsoleSpec, bindingConsole: Bool, to steps: inout StepList) {
    let user = process.user
    steps.append(
      EXECUTOR_TERMINAL, [Slot.console, user.uid, user.gid, size.rows, size.columns, bindingConsole ? 1 : 0])
  }
}

/// What a program that is run in a container has for standard streams.
public enum ExecStreams: Equatable, Sendable {
  /// No input, and pipes for what it writes.
  case output
  /// Three pipes.
  case inputAndOutput
  /// A terminal of the container's, whose other side is sent to `LaunchDescriptors.console`.
  case terminal(ConsoleSpec)
}
