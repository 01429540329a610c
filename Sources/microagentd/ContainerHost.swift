import Basics
import CSystem
import Cgroups
import ContainerRunner
import EventLoop
import LinuxSystem
import MicroAgent

/// Does to containers what the supervisor decided, and tells it what became of them.
final class ContainerHost {
  private let configuration: Configuration
  private let loop: EventLoop
  private let keeper: KeeperLink
  private let launcher: Launcher
  let logs: LogKeeping
  private let files: ContainerFiles
  private let boot = ProcessStatus.bootID()
  private var live: [LiveContainer] = []
  /// Ends that the keeper reported, until they are durable.
  private var reportedEnds: [KeeperMessage] = []
  /// Control groups that were still busy; tried again until they are gone.
  private var removals: [(id: UInt64, cgroup: Cgroup)] = []
  private var removalTimer: Timer?

  /// Where events go.
  var onEvent: ((Event, UInt64) -> Void)?

  private static let removalPauseMilliseconds: UInt64 = 5

  init(_ configuration: Configuration, on loop: EventLoop, keeper: KeeperLink) throws(StartError) {
    self.configuration = configuration
    self.loop = loop
    self.keeper = keeper
    do throws(SystemError) {
      logs = LogKeeping(on: loop, keeper: keeper)
      files = try ContainerFiles(directory: configuration.containersDirectory, on: loop)
    } catch {
      throw StartError("\(error)")
    }
    launcher = try Launcher(configuration)
    do throws(SystemError) {
      removalTimer = try Timer(on: loop) { [self] in retryRemovals() }
    } catch {
      throw StartError("\(error)")
    }
  }

  func close() {
    for container in live { container.close() }
    live = []
    logs.close()
    removalTimer?.close()
    removalTimer = nil
    onEvent = nil
  }

  var cgroupVersion: String { launcher.layout.version.description }

  func find(_ id: UInt64) -> LiveContainer? {
    live.first { $0.id == id }
  }

  private func tell(_ event: Event, _ id: UInt64) {
    onEvent?(event, id)
  }

  // MARK: Starting

  /// The plan by which a container would be launched, without doing anything.
  func plan(_ request: ContainerRequest) throws(RequestError) -> LaunchPlan {
    try launcher.plan(request, id: 0, name: request.name.isEmpty ? "c0" : request.name, files: files)
  }

  func launch(_ container: Container) {
    do throws(RequestError) {
      let plan = try launcher.plan(container.request, id: container.id, name: container.name, files: files)
      let entry = LiveContainer(id: container.id, name: container.name, cgroup: launcher.cgroup(of: container.name))
      live.removeAll { $0.id == container.id }
      live.append(entry)
      try start(plan, entry, container)
    } catch {
      tell(.startFailed(error.description), container.id)
    }
  }

  private func start(_ plan: LaunchPlan, _ entry: LiveContainer, _ container: Container) throws(RequestError) {
    do throws(SystemError) {
      CrashPoint.pass()
      try files.make(entry.id)
      CrashPoint.pass()
      let log = try logs.open(entry.id, capacityBytes: container.request.budget.logBytes)
      let output = try logs.openOutput(log)
      CrashPoint.pass()
      try clone(plan, entry, output)
      try logs.watch(entry.id)
      try watch(entry)
    } catch {
      throw RequestError(.failed, "container \(container.name): \(error)")
    }
    guard let identity = entry.identity else { return }
    CrashPoint.pass()
    tell(.launched(identity), entry.id)
  }

  private func clone(
    _ plan: LaunchPlan, _ entry: LiveContainer, _ output: borrowing FileDescriptor
  ) throws(SystemError) {
  }

  // MARK: Hearing

  private func watch(_ entry: LiveContainer) throws(SystemError) {
  }
}
