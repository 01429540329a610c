import LinuxSystem

/// A step of a launch that failed: `container dns: mount proc on /proc: Operation not permitted (step 7 of 23)`.
public struct LaunchError: Error, Hashable, Sendable, CustomStringConvertible {
  public let container: String
  /// From 1, as `LaunchPlan.describe()` counts.
  public let step: Int
  public let stepCount: Int
  /// What the step does.
  public let action: String
  public let errno: Errno

  public init(_ plan: LaunchPlan, step: Int, _ errno: Errno) {
    container = plan.name
    self.step = step
    stepCount = plan.stepCount
    action = plan.step(at: step)
    self.errno = errno
  }

  public var description: String {
    "container \(container): \(action): \(errno) (step \(step) of \(stepCount))"
  }
}
