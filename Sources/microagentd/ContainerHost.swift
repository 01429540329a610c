import Basics
import CSystem
import Cgroups
import ContainerRunner
import EventLoop
import LinuxSystem
import MicroAgent
import Microcloud

/// Does to containers what the supervisor decided, and tells it what became of them.
final class ContainerHost {
  let configuration: Configuration
  let loop: EventLoop
  let launcher: Launcher
  let logs: LogKeeping
  let files: ContainerFiles
  let bridge: Bridge
  let keeper: KeeperLink
  let boot = ProcessStatus.bootID()
  /// The memory that containers together may have.
  let offerBytes: UInt64
  var live: [LiveContainer] = []
  /// Ends that the keeper reported, until they are durable.
  var reportedEnds: [KeeperMessage] = []
  /// Containers whose control groups were still busy; looked at again until they are gone.
  var busy: [LiveContainer] = []
  private var busyTimer: Timer?
  /// To be launched once the group of that name, which another container left, is gone.
  private var postponed: [Container] = []

  /// What the images that containers are made of give; nil: it is not here.
  var imageRoot: (ContainerRequest) -> ImageRoot? = { _ in nil }

  /// Where events go.
  var onEvent: ((Event, UInt64) -> Void)?
  /// Says when all that runs on the machine waits for memory; nil: this kernel does not.
  var machineEvent: CgroupEvent?
  var machineWatcher: DescriptorWatcher?

  /// The kernel takes a moment to end the last processes of a group.
  private static let busyPauseMilliseconds: UInt64 = 2

  init(_ configuration: Configuration, on loop: EventLoop, keeper: KeeperLink) throws(StartError) {
    self.configuration = configuration
    self.loop = loop
    self.keeper = keeper
    logs = LogKeeping(on: loop, keeper: keeper)
    launcher = try Launcher(configuration)
    bridge = Bridge(configuration, on: loop)
    offerBytes = configuration.containersMemory(of: MachineStatus.memory().totalBytes)
    do throws(SystemError) {
      files = try ContainerFiles(
        directory: configuration.containersDirectory, runtimeDirectory: configuration.runtimeDirectory, on: loop)
      busyTimer = nil
      busyTimer = try Timer(on: loop) { [self] in removeBusyNow() }
    } catch {
      throw StartError("\(error)")
    }
    try launcher.limitAll(to: offerBytes)
  }

  /// Lets go of everything; containers go on.
  func close() {
    for entry in live + busy {
      entry.close()
      // Its keeper collects what helps.
      entry.mounter?.close()
      entry.shrinker?.close()
    }
    live = []
    busy = []
    machineWatcher?.close()
    machineEvent = nil
    logs.close()
    bridge.close()
    files.close()
    busyTimer?.close()
    busyTimer = nil
    postponed = []
    onEvent = nil
    imageRoot = { _ in nil }
    launcher.removeIfEmpty()
  }

  var cgroupVersion: String { launcher.layout.version.description }

  func find(_ id: UInt64) -> LiveContainer? {
    live.first { $0.id == id }
  }

  func tell(_ event: Event, _ id: UInt64) {
    onEvent?(event, id)
  }

  // MARK: Starting

  /// The plan by which a container would be launched, without doing anything.
  func plan(_ request: ContainerRequest) throws(RequestError) -> LaunchPlan {
    let container = Container(
      id: 0, name: request.name.isEmpty ? "c0" : request.name, request: request, createdSeconds: 0)
    if request.network == .bridge { try bridge.check(container) }
    return try plan(container)
  }

  private func plan(_ container: Container) throws(RequestError) -> LaunchPlan {
    try launcher.plan(
      container.request, name: container.name, image: imageRoot(container.request),
      overlay: files.overlay(of: container),
      networkFiles: container.request.network == .bridge ? files.networkFiles(of: container.id) : nil)
  }

  func launch(_ container: Container) {
    if busy.contains(where: { $0.name == container.name }) { return postponed.append(container) }
    let entry = launcher.entry(for: container)
    live.append(entry)
    do throws(RequestError) {
      if container.request.network == .bridge { try prepareBridge(entry, container) }
      let plan = try plan(container)
      entry.plan = plan
      try start(plan, entry, container)
      files.deleteWork(of: container.id, before: container.starts)
    } catch {
      return tell(.startFailed(error.description), container.id)
    }
    if entry.mounter == nil { launched(entry) }
  }

  /// All that is done without the program is done, or will not fail for want of room. Only now is the start recorded.
  private func launched(_ entry: LiveContainer) {
    guard let identity = entry.identity, !entry.hasEnded, live.contains(where: { $0 === entry }) else { return }
    tell(.launched(identity), entry.id)
  }

  private func prepareBridge(_ entry: LiveContainer, _ container: Container) throws(RequestError) {
    entry.isOnBridge = true
    let texts = try bridge.admit(container)
    try explained(entry) { () throws(SystemError) in try files.writeNetworkFiles(texts, of: entry.id) }
  }

  private func start(_ plan: LaunchPlan, _ entry: LiveContainer, _ container: Container) throws(RequestError) {
    if plan.hasMounter { try startMounter(plan, entry) }
    let output = try explained(entry) { () throws(SystemError) in
      let log = try logs.open(entry.id, capacityBytes: container.request.budget.logBytes)
      return try OutputPipe.openForContainer(log.pipeDescriptor)
    }
    let process = try launcher.start(plan, output: output, mounts: entry.mounts?.rawValue ?? -1)
    entry.mounts = nil
    CrashPoint.pass("its process is set going")
    do throws(SystemError) {
      try take(process, entry)
      // After the clone: the child sets itself up meanwhile, and cannot write before it is let go.
      try logs.hold(entry.id)
      try logs.watch(entry.id)
    } catch {
      throw failure(entry, error)
    }
    if entry.isOnBridge, let process = entry.identity?.process, let child = entry.child {
      try bridge.connect(entry.id, entry.name, process, pidfd: child.pidfd)
      CrashPoint.pass("its network is connected")
    }
    watchMemory(entry)
  }

  private func startMounter(_ plan: LaunchPlan, _ entry: LiveContainer) throws(RequestError) {
    let mounter = try launcher.startMounter(plan)
    CrashPoint.pass("its mounter is started")
    let process = mounter.pid
    do throws(SystemError) {
      entry.mounter = try ChildWatcher(on: loop, pidfd: mounter.pidfd) { [self] in
        var status = system_exit_status()
        _ = system_wait(process, 0, &status)
        entry.mounter?.close()
        entry.mounter = nil
        // Where it failed the container's process says so, and ends.
        if status.code == 0 { launched(entry) }
      }
    } catch {
      throw failure(entry, error)
    }
    entry.mounts = .some(mounter.mounts)
  }

  private func explained<Value: ~Copyable>(
    _ entry: LiveContainer, _ body: () throws(SystemError) -> Value
  ) throws(RequestError) -> Value {
    do throws(SystemError) { return try body() } catch { throw failure(entry, error) }
  }

  private func failure(_ entry: LiveContainer, _ error: SystemError) -> RequestError {
    RequestError(.failed, "container \(entry.name): \(error)")
  }

  private func take(_ process: consuming StartedProcess, _ entry: LiveContainer) throws(SystemError) {
    let number = process.pid
    let status = ProcessStatus(of: number)
    entry.identity = ProcessIdentity(process: number, startTicks: status?.startTicks ?? 0, boot: boot)
    entry.isOwnChild = true
    entry.control = .some(process.control)
    entry.errorWatcher = try DescriptorWatcher(on: loop, owning: process.errors) { [self] _ in heardErrors(entry) }
    try entry.errorWatcher?.start(.readable)
    entry.child = try ChildWatcher(on: loop, pidfd: process.pidfd) { [self] in processEnded(entry) }
  }

  /// Lets the waiting process run its program.
  func release(_ id: UInt64) {
    guard let entry = find(id), !entry.isReleased else { return }
    entry.isReleased = true
    if let control = entry.control.take() {
      // A process that is gone already tells by its end.
      try? ContainerProcess.releaseToExec(control)
      CrashPoint.pass("the go byte is sent")
    }
  }

  /// The error pipe has a report or has ended; its end after the release means that the program runs.
  private func heardErrors(_ entry: LiveContainer) {
    guard let watcher = entry.errorWatcher else { return }
    var buffer = [UInt8](repeating: 0, count: 64)
    let count = buffer.withUnsafeMutableBytes { system_read(watcher.descriptor, $0.baseAddress, $0.count) }
    if count > 0 {
      entry.failureReport += buffer[..<Int(count)]
      return
    }
    if count == -Int(Errno.wouldBlock.rawValue) { return }
    watcher.close()
    entry.errorWatcher = nil
    guard entry.failureReport.isEmpty, entry.isReleased, !entry.hasEnded else { return }
    entry.hasStarted = true
    entry.plan = nil
    // They are mounted; the kernel refuses to mount what is deleted.
    if entry.isOnBridge { files.deleteNetworkFiles(of: entry.id) }
    CrashPoint.pass("its program was heard to run")
    tell(.started, entry.id)
  }

  // MARK: Acting

  func signal(_ id: UInt64, _ signal: CInt) {
    guard let entry = find(id), let child = entry.child else { return }
    _ = system_pidfd_send_signal(child.pidfd, signal)
  }

  func killAll(_ id: UInt64) {
    guard let entry = find(id) else { return }
    // Its first process takes the others with it; those that joined from outside are in the control group.
    if let child = entry.child { _ = system_pidfd_send_signal(child.pidfd, SIGKILL) }
    entry.killGroup()
  }

  func deleteFiles(_ id: UInt64) {
    logs.remove(id)
    CrashPoint.pass("its log is given up")
    files.delete(id)
    CrashPoint.pass("its files are deleted")
  }

  // MARK: Putting away

  /// Collects the process, ends what may be left, removes the control group. Told by `wasPutAway`, at once or later.
  func putAway(_ id: UInt64) {
    guard let entry = find(id) else { return tell(.wasPutAway, id) }
    live.removeAll { $0 === entry }
    if let process = entry.identity?.process { collect(process, entry) }
    entry.close()
    removeGroup(entry)
  }

  private func collect(_ process: Int32, _ entry: LiveContainer) {
    CrashPoint.pass("before its process is collected")
    if entry.isOwnChild {
      var status = system_exit_status()
      let result = system_wait(process, 0, &status)
      // Set-up that failed before it could be heard of leaves a process that is about to end: it is waited for.
      if result == 0, status.process == 0 { entry.isUncollected = true }
    }
    if reportedEnds.contains(where: { $0.process == process }) {
      reportedEnds.removeAll { $0.process == process }
      keeper.forgetEnd(of: process)
    }
    CrashPoint.pass("its process is collected")
  }

  private func removeGroup(_ entry: LiveContainer) {
    // What still makes directories would make them below the container's deletion, and what sets a limit set the next one's.
    if entry.mounter != nil || entry.shrinker != nil { return putOff(entry) }
    CrashPoint.pass("before its control group is removed")
    if entry.isUncollected, let process = entry.identity?.process {
      var status = system_exit_status()
      if system_wait(process, 0, &status) == 0, status.process == 0 { return putOff(entry) }
      entry.isUncollected = false
    }
    guard entry.removeGroup() else { return putOff(entry) }
    CrashPoint.pass("its control group is removed")
    if entry.isOnBridge {
      files.deleteNetworkFiles(of: entry.id)
      bridge.disconnect(entry.id)
      CrashPoint.pass("its network is gone")
    }
    tell(.wasPutAway, entry.id)
  }

  private func putOff(_ entry: LiveContainer) {
    busy.append(entry)
    busyTimer?.start(milliseconds: Self.busyPauseMilliseconds)
  }

  func removeBusyNow() {
    let waiting = busy
    busy = []
    for entry in waiting {
      entry.killGroup()
      removeGroup(entry)
    }
    let launches = postponed
    postponed = []
    for container in launches { launch(container) }
  }
}

// MARK: - What containers use

extension ContainerHost {
  func usage(ofID id: UInt64) -> CgroupUsage { find(id)?.cgroup?.usage() ?? CgroupUsage() }

  /// What it has written, and may.
  func addDisk(of container: Container, to map: inout CBORMap) {
    guard container.isAlive, let used = files.used(by: container.id) else { return }
    map[.diskUsedBytes] = .unsigned(used.bytes)
    map[.diskBytes] = .unsigned(container.request.budget.diskBytes)
    map[.fileCount] = .unsigned(used.files)
    map[.files] = .unsigned(container.request.budget.files)
  }

  func usage(of container: Container) -> CBORValue {
    let usage = usage(ofID: container.id)
    var map = CBORMap()
    map[.name] = .text(container.name)
    map[.phase] = .text(container.phase.description)
    map[.memoryUsedBytes] = usage.memoryBytes.map { .unsigned($0) }
    map[.memoryPeakBytes] = usage.memoryPeakBytes.map { .unsigned($0) }
    map[.memoryBytes] = .unsigned(container.request.budget.memoryBytes)
    map[.processCount] = usage.pids.map { .unsigned($0) }
    map[.processes] = .unsigned(container.request.budget.processes)
    map[.cpuNanoseconds] = usage.cpuNanoseconds.map { .unsigned($0) }
    map[.outOfMemoryKills] = usage.oomKills.map { .unsigned($0) }
    addDisk(of: container, to: &map)
    return .map(map)
  }
}
