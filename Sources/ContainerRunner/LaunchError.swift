import Basics
import CSystem
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

  /// What the program needs and this processor has not; empty: that is not why it failed.
  public var lacking: ProcessorFeatures {
    errno.rawValue & EXECUTOR_LACKING == 0
      ? [] : ProcessorFeatures(rawValue: UInt16(truncatingIfNeeded: errno.rawValue))
  }

  public var description: String {
    let why = lacking.isEmpty ? errno.description : "it needs \(lacking)"
    return "container \(container): \(action): \(why) (step \(step) of \(stepCount))"
  }
}
