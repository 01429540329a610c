import CSystem
import LinuxSystem

/// A container's first process, or one that joins it, set up to just before its program.
@frozen
public struct StartedProcess: ~Copyable {
  public let pid: Int32
  /// Readable when the process has ended.
  public var pidfd: FileDescriptor
  /// `releaseToExec` writes the go byte here; closing it before makes the process exit quietly.
  public var control: FileDescriptor
  /// Non-blocking. Ends without a byte when the program runs; else holds what `ContainerProcess.parseFailure` reads.
  public var errors: FileDescriptor
}

/// What the agent hands a container. The descriptors stay the caller's.
public struct LaunchDescriptors: Sendable {
  public var standardOutput: CInt
  public var standardError: CInt
  /// Of a `UserNamespace` with the same maps, if `LaunchPlan.needsUserNamespace`; else -1.
  public var userNamespace: CInt
  /// `Mounter.mounts`, if `LaunchPlan.hasMounter`; else -1.
  public var mounts: CInt
  /// A pidfd of the first process of the container that the plan enters; else -1.
  public var container: CInt
  /// What an OCI runtime hands on, or an exec with input has; other plans open /dev/null instead.
  public var standardInput: CInt = -1
  /// Connected to whoever takes the other side of a terminal, where the plan makes one; else -1.
  public var console: CInt = -1
  /// So many descriptors from 3 on, of an OCI runtime's caller: `RuntimeSpec.preservedCount`.
  public var preservedCount = 0

  public init(
    standardOutput: CInt, standardError: CInt, userNamespace: CInt = -1, mounts: CInt = -1, container: CInt = -1
  ) {
    self.standardOutput = standardOutput
    self.standardError = standardError
    self.userNamespace = userNamespace
    self.mounts = mounts
    self.container = container
  }
}

/// How far a start has come, for whoever wants to look on.
public enum LaunchPoint: Sendable {
  /// About to perform this step of the agent's, or the clone; from 1, as `LaunchPlan.describe()` counts.
  case beforeStep(Int)
  /// The process exists and waits for its id maps.
  case cloned
}

/// Performs launch plans.
public enum ContainerProcess {
  /// How the child ends when its program was never run: a step failed, or nobody let it go.
  public static let neverRanExitCode = Int32(EXECUTOR_NEVER_RAN)

  /// Performs the agent's steps, clones the child and writes its id maps. The child goes on by itself, up to just
  /// before its program, while the agent makes its record durable. What the agent's steps opened is closed again;
  /// directories that they made are `Cleanup`'s. A plan with a mounter needs one that was started before.
  /// - Parameter reached: called at each point, before anything more is done.
  public static func start(
    _ plan: LaunchPlan, _ descriptors: LaunchDescriptors, reached: (LaunchPoint) -> Void = { _ in }
  ) throws(LaunchError) -> StartedProcess {
    var slots = [Int32](repeating: -1, count: Int(EXECUTOR_SLOTS))
    slots[Int(Slot.standardInput)] = descriptors.standardInput
    slots[Int(Slot.console)] = descriptors.console
    slots[Int(Slot.standardOutput)] = descriptors.standardOutput
    slots[Int(Slot.standardError)] = descriptors.standardError
    slots[Int(Slot.userNamespace)] = descriptors.userNamespace
    slots[Int(Slot.mounter)] = descriptors.mounts
    slots[Int(Slot.container)] = descriptors.container
    for index in 0..<min(descriptors.preservedCount, RuntimeSpec.maxPreserved) {
      slots[Int(Slot.firstPreserved) + index] = CInt(3 + index)
    }
    let given = slots
    defer { closeOpened(slots, given) }

    try performAgentSteps(plan, &slots, reached)
    reached(.beforeStep(plan.cloneStep))
    let child = try clone(plan, &slots)
    reached(.cloned)
    try mapIDs(plan, child)
    return StartedProcess(
      pid: child.process, pidfd: FileDescriptor(owning: child.pidfd), control: FileDescriptor(owning: child.control),
      errors: FileDescriptor(owning: child.errors))
  }

  /// What the steps opened mostly has numbers in a row, which are closed by one call.
  private static func closeOpened(_ slots: [Int32], _ given: [Int32]) {
    var opened = zip(slots, given).filter { $0.0 >= 0 && $0.0 != $0.1 }.map { $0.0 }[...]
    opened.sort()
    while let first = opened.popFirst() {
      var last = first
      while let next = opened.first, next == last + 1 {
        last = next
        opened.removeFirst()
      }
      _ = first == last ? system_close(first) : system_close_range(UInt32(first), UInt32(last))
    }
  }

  private static func performAgentSteps(
    _ plan: LaunchPlan, _ slots: inout [Int32], _ reached: (LaunchPoint) -> Void
  ) throws(LaunchError) {
    let bytes = plan.agentSteps.bytes
    for (index, range) in plan.agentSteps.ranges.enumerated() {
      let step = plan.firstAgentStep + index
      reached(.beforeStep(step))
      var failure = executor_failure()
      let result = bytes.withUnsafeBufferPointer {
        executor_perform($0.baseAddress! + range.lowerBound, range.count, &slots, &failure)
      }
      if result < 0 { throw LaunchError(plan, step: step, Errno(rawValue: failure.error)) }
    }
  }

  private static func clone(_ plan: LaunchPlan, _ slots: inout [Int32]) throws(LaunchError) -> executor_child {
    var child = executor_child()
    let steps = plan.childSteps.bytes
    let namespaces = UInt64(plan.clonedNamespaces.rawValue)
    let birthplace = executor_birthplace(
      cgroup: plan.isBornInCgroup ? slots[Int(Slot.cgroup)] : -1,
      process: plan.isBornInContainer ? slots[Int(Slot.container)] : -1)
    let first = UInt32(plan.firstChildStep)
    let result = executor_clone(steps, steps.count, first, &slots, namespaces, birthplace, &child)
    if result < 0 { throw failure(ofClone: plan, result) }
    return child
  }

  private static func mapIDs(_ plan: LaunchPlan, _ child: executor_child) throws(LaunchError) {
    guard let userMap = plan.userMap, let groupMap = plan.groupMap else { return }
    let result = withUnsafePointer(to: child) { executor_map_ids($0, userMap, groupMap) }
    if result < 0 { throw failure(ofClone: plan, result) }
  }

  private static func failure(ofClone plan: LaunchPlan, _ result: CInt) -> LaunchError {
    LaunchError(plan, step: plan.cloneStep, Errno(rawValue: -result))
  }

  /// Lets the child run its program. A child that failed before says so on its error pipe, not here.
  public static func releaseToExec(_ control: borrowing FileDescriptor) throws(SystemError) {
    try check(executor_release(control.rawValue), "let the container run")
  }

  /// Reads what stood on the error pipe when it ended. Nil: nothing did, and the program runs.
  public static func parseFailure(_ bytes: [UInt8], of plan: LaunchPlan) -> LaunchError? {
    guard bytes.count == MemoryLayout<executor_failure>.size else { return nil }
    var words: [UInt32] = [0, 0]
    for (index, byte) in bytes.enumerated() { words[index / 4] |= UInt32(byte) << UInt32(8 * (index % 4)) }
    let step = max(1, min(Int(clamping: words[0]), plan.stepCount))
    return LaunchError(plan, step: step, Errno(rawValue: CInt(bitPattern: words[1])))
  }
}

/// A process that makes a container's mounts, which may wait for a disk, and hands them to the container's process. It
/// then ends with code 0, and must be collected; it ends by itself if nobody takes them, or the agent dies.
@frozen
public struct Mounter: ~Copyable {
  public let pid: Int32
  /// Readable when the process has ended.
  public var pidfd: FileDescriptor
  /// For `LaunchDescriptors`; to be closed once the container's process has it. What went wrong comes this way, too:
  /// the container's process then reports the mounter's step.
  public var mounts: FileDescriptor

  /// To be called once, before any mounter is started: several that were the first to need the kernel's overlay module at
  /// the same moment would find it half loaded (ENODEV).
  public static func prepare() {
    executor_load_overlay()
  }

  /// Starts the mounter of a plan that has one.
  /// - Parameters:
  ///   - userNamespace: as in `LaunchDescriptors`.
  ///   - killing: for tests, processes that it kills before it performs its step of this index.
  public static func start(
    _ plan: LaunchPlan, userNamespace: CInt, killing: (processes: [Int32], beforeStep: Int)? = nil
  ) throws(LaunchError) -> Mounter {
    var slots = [Int32](repeating: -1, count: Int(EXECUTOR_SLOTS))
    slots[Int(Slot.userNamespace)] = userNamespace
    var mounter = executor_mounter()
    var steps = plan.mounterSteps.bytes
    if let killing {
      var kills = StepList()
      for process in killing.processes { kills.append(EXECUTOR_KILL, [UInt32(bitPattern: process)]) }
      steps.insert(contentsOf: kills.bytes, at: plan.mounterSteps.ranges[killing.beforeStep].lowerBound)
    }
    let result = executor_start_mounter(steps, steps.count, UInt32(LaunchPlan.firstMounterStep), &slots, &mounter)
    if result < 0 { throw LaunchError(plan, step: 1, Errno(rawValue: -result)) }
    return Mounter(
      pid: mounter.process, pidfd: FileDescriptor(owning: mounter.pidfd), mounts: FileDescriptor(owning: mounter.mounts)
    )
  }
}

/// A user namespace with id maps but without a process: what an id-mapped mount takes its maps from. One serves all
/// containers that have the same maps.
public enum UserNamespace {
  public static func make(_ plan: LaunchPlan) throws(SystemError) -> FileDescriptor {
    let descriptor = executor_user_namespace(plan.userMap ?? "", plan.groupMap ?? "")
    return FileDescriptor(owning: try check(descriptor, "make a user namespace with the ids", plan.userMap ?? ""))
  }
}
