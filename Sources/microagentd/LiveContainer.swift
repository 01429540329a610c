import Cgroups
import ContainerRunner
import EventLoop
import LinuxSystem
import MicroAgent

/// What of a container exists only while this agent lives: watchers, descriptors, and what was heard so far.
final class LiveContainer {
  let id: UInt64
  let name: String
  let cgroup: Cgroup
  var plan: LaunchPlan?
  var identity: ProcessIdentity?
  /// The process is the agent's own child; an adopted one is the keeper's, or nobody's.
  var isOwnChild = false
  /// The keeper reports its end; without it and not our child, nobody can know how it ended.
  var isKeepersChild = false
  var child: ChildWatcher?
  /// Open until the go byte is sent.
  var control: FileDescriptor?
  var isReleased = false
  var hasStarted = false
  /// The executor's report of the step that failed.
  var failureReport: [UInt8] = []
  var errorWatcher: DescriptorWatcher?
  var outOfMemoryWatcher: DescriptorWatcher?
  /// Its process had not ended when it was to be collected.
  var isUncollected = false
  /// Its process has ended and that was told.
  var hasEnded = false

  init(id: UInt64, name: String, cgroup: Cgroup) {
    self.id = id
    self.name = name
    self.cgroup = cgroup
  }

  /// Lets go of everything but the name.
  func close() {
    child?.close()
    child = nil
    control = nil
    errorWatcher?.close()
    errorWatcher = nil
    outOfMemoryWatcher?.close()
    outOfMemoryWatcher = nil
  }
}
