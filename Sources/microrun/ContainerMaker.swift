import Basics
import CSystem
import Cgroups
import ContainerRunner
import Images
import LinuxSystem
import OCIRuntime

/// Makes a container out of a bundle, up to just before its program. What it made is undone where it does not come to its end.
struct ContainerMaker {
  let command: Command
  let id: String
  let bundle: String
  let config: RuntimeConfig
  private let configBytes: [UInt8]
  private let process: ProcessConfig
  private let group: Cgroup
  private let preservedCount: Int

  init(_ command: Command) throws(Failure) {
    self.command = command
    id = command.id
    try command.states.checkName(id)
    preservedCount = try command.preservedCount()
    let given = command.arguments.value("bundle") ?? "."
    bundle = try telling { () throws(SystemError) in try Paths.absolute(given) }
    (config, configBytes) = try StateDirectory.readConfig(command.arguments.value("config") ?? bundle + "/config.json")
    if !config.keepsOwnProgram { try protectOwnProgram() }
    command.tellUnknown(config)
    guard let process = config.process else { throw Failure("config.json: process: it is missing") }
    self.process = process
    group = try Self.group(config, id, try command.layout())
  }

  private static func group(_ config: RuntimeConfig, _ id: String, _ layout: CgroupLayout) throws(Failure) -> Cgroup {
    let parts = ASCII.split(Array(config.cgroupsPath.utf8)[...], at: UInt8(ascii: "/")).filter { !$0.isEmpty }
    if parts.isEmpty, !config.cgroupsPath.isEmpty {
      throw Failure("config.json: linux.cgroupsPath: a container cannot have the root")
    }
    if config.cgroupsPath.utf8.contains(UInt8(ascii: ":")) {
      throw Failure(
        "config.json: linux.cgroupsPath: \(config.cgroupsPath) is a systemd slice: microrun does cgroupfs only")
    }
    let name = groupName(config, id)
    return try tellingOfGroups { () throws(CgroupError) in
      try Cgroup(name, in: layout, controllers: config.resources.controllers(on: layout))
    }
  }

  /// Where a container's processes are counted and limited.
  static func groupName(_ config: RuntimeConfig, _ id: String) -> String {
    let parts = ASCII.split(Array(config.cgroupsPath.utf8)[...], at: UInt8(ascii: "/")).filter { !$0.isEmpty }
    return parts.isEmpty ? GroupMaker.standardParent + "/" + id : parts.map { ASCII.string($0) }.joined(separator: "/")
  }

  /// - Parameter waitsForStart: another process will start it; else it waits for the go byte of this one.
  func make(waitsForStart: Bool) throws(Failure) -> MadeContainer {
    try command.states.claim(id)
    do throws(Failure) {
      try command.states.keep(config: configBytes, of: id)
      // Not ours, it would be removed below.
      try GroupMaker.make(group)
    } catch {
      try? command.states.remove(id)
      throw error
    }
    do throws(Failure) {
      return try makeClaimed(waitsForStart: waitsForStart)
    } catch {
      try? removeControlGroup(group)
      try? command.states.remove(id)
      throw error
    }
  }

  private func makeClaimed(waitsForStart: Bool) throws(Failure) -> MadeContainer {
    if waitsForStart { try command.states.makeFIFOs(id) }
    let facts = try command.facts()
    var spec = config.spec(name: id, bundle: bundle, process: process, cgroup: group, is64Bit: facts.is64Bit)
    spec.container.cgroup = try placement()
    spec.ownsStreams = Descriptors.arePipes
    spec.preservedCount = preservedCount
    if waitsForStart { spec.start = command.states.startFIFOs(id) }
    let console = try ConsoleSocket(
      command.arguments, terminal: process.terminal, stays: !waitsForStart && !command.arguments.has("detach"))
    let plan: LaunchPlan
    do throws(PlanError) {
      plan = try LaunchPlan(runtime: spec, facts: facts)
    } catch {
      throw Failure("\(error)")
    }
    var descriptors = LaunchDescriptors(standardOutput: 1, standardError: 2)
    descriptors.standardInput = 0
    descriptors.console = console.descriptor
    descriptors.preservedCount = preservedCount
    let started = try tellingOfLaunch { () throws(LaunchError) in try ContainerProcess.start(plan, descriptors) }
    let process = started.pid
    do throws(Failure) {
      return try settle(plan, started, console, waitsForStart: waitsForStart)
    } catch {
      collect(process)
      endAll(group)
      throw error
    }
  }

  /// Runs the hooks, and remembers the container once its process has come as far as it can by itself.
  private func settle(
    _ plan: LaunchPlan, _ started: consuming StartedProcess, _ console: consuming ConsoleSocket, waitsForStart: Bool
  ) throws(Failure) -> MadeContainer {
    guard let status = ProcessStatus(of: started.pid) else { throw Failure("container \(id): its process is gone") }
    let record = ContainerRecord(
      id: id, process: started.pid, startTicks: status.startTicks, bundle: bundle, createdSeconds: Clock.wallSeconds(),
      cgroup: group.name)
    // Before the container needs nobody any more: from then on only the record leads to it.
    try command.states.keep(record)
    let hooks = config.hooks.prestart + config.hooks.createRuntime
    if !hooks.isEmpty {
      guard try telling({ () throws(SystemError) in try ContainerProcess.waitForNamespaces(started.control) }) else {
        throw failure(plan, started.errors.rawValue)
      }
      try Hooks.run(hooks, "createRuntime", record.state(.creating, annotations: config.annotations))
      try telling { () throws(SystemError) in try ContainerProcess.continueAfterHooks(started.control) }
    }
    if waitsForStart {
      guard try telling({ () throws(SystemError) in try ContainerProcess.waitUntilItStandsAlone(started.control) })
      else {
        throw failure(plan, started.errors.rawValue)
      }
    }
    try command.writePIDFile(record.process)
    return MadeContainer(record: record, plan: plan, group: group, process: started, console: console)
  }

  private func failure(_ plan: LaunchPlan, _ errors: CInt) -> Failure {
    let bytes = Descriptors.readToEnd(errors)
    if let error = ContainerProcess.parseFailure(bytes, of: plan) { return Failure("\(error)") }
    return Failure("container \(id): its process was ended while it was made: is the memory limit too low?")
  }

  private func placement() throws(Failure) -> CgroupPlacement {
    try tellingOfGroups { () throws(CgroupError) in
      var placement = CgroupPlacement()
      try CpusetInheritance.prepare(group)
      for operation in try config.resources.operations(on: group) {
        if case .write(let path, let text) = operation { placement.operations.append(.write(path: path, text: text)) }
      }
      try DeviceFilter.set(config.resources.devices, on: group)
      placement.join = group.joinAll
      return placement
    }
  }
}

/// A container whose process waits to be let go.
struct MadeContainer: ~Copyable {
  let record: ContainerRecord
  let plan: LaunchPlan
  let group: Cgroup
  var process: StartedProcess
  var console: ConsoleSocket

  /// Lets its program run, and waits until it does.
  borrowing func release() throws(Failure) {
    try letRun(process, plan)
  }
}

/// Lets a process run its program, and waits until it does. One that does not is collected.
func letRun(_ process: borrowing StartedProcess, _ plan: LaunchPlan) throws(Failure) {
  try telling { () throws(SystemError) in try ContainerProcess.releaseToExec(process.control) }
  let bytes = Descriptors.readToEnd(process.errors.rawValue)
  guard let error = ContainerProcess.parseFailure(bytes, of: plan) else { return }
  collect(process.pid)
  throw Failure("\(error)")
}

/// Ends a child and collects it: the end of its pid namespace would wait for whoever else had to.
func collect(_ process: Int32) {
  try? Signals.kill(process)
  _ = system_wait_for_end(process)
}

extension Cgroup {
  /// How a child gets in: by those of its directories that are there.
  var join: CgroupPlacement.Join { join(directories.filter { Files.isDirectory($0) }) }

  /// The same of a group that was made just now.
  var joinAll: CgroupPlacement.Join { join(directories) }

  private func join(_ present: [String]) -> CgroupPlacement.Join {
    if layout.version == .v2 { return present.first.map { .directory($0) } ?? .none }
    return present.isEmpty ? .none : .tasks(present.map { $0 + "/tasks" })
  }
}

/// A new cpuset group of v1 has no processors and no memory, and takes no process before it has some.
enum CpusetInheritance {
  static func prepare(_ group: Cgroup) throws(CgroupError) {
    guard group.layout.version == .v1, group.controllers.contains(.cpuset),
      let mount = group.layout.hierarchy(of: .cpuset)?.mountPoint
    else { return }
    var above = mount
    for part in ASCII.split(Array(group.name.utf8)[...], at: UInt8(ascii: "/")) {
      let directory = above + "/" + ASCII.string(part)
      for file in ["/cpuset.cpus", "/cpuset.mems"] {
        guard ASCII.trim(((try? Files.read(directory + file)) ?? [])[...]).isEmpty else { continue }
        do throws(SystemError) {
          try Files.write(try Files.read(above + file), to: directory + file)
        } catch {
          throw .refused(error, advice: "")
        }
      }
      above = directory
    }
  }
}

/// The device rules of v2, which are no file.
enum DeviceFilter {
  static func set(_ rules: [DeviceRule], on group: Cgroup) throws(CgroupError) {
    guard group.layout.version == .v2, !rules.isEmpty, let directory = group.directories.first else { return }
    let program = DeviceProgram(rules + DeviceRule.standard).instructions
    do throws(SystemError) {
      let file = try FileDescriptor.open(directory, for: .directory)
      let result = program.withUnsafeBufferPointer { system_filter_devices(file.rawValue, $0.baseAddress, $0.count) }
      try check(result, "set the device rules of", "control group \(group)")
    } catch {
      let isMissing = error.errno == .invalidArgument || error.errno == .notImplemented
      throw .refused(error, advice: isMissing ? "the kernel needs CONFIG_CGROUP_BPF" : "")
    }
  }
}

/// Makes and removes containers' groups.
enum GroupMaker {
  /// Above the groups of containers that name none. It is there as long as there are any.
  static let standardParent = "microrun"
  /// The parent may be removed by others while a group is made in it.
  private static let attempts = 8

  static func make(_ group: Cgroup) throws(Failure) {
    if try makeLeaves(group) { return }
    try tellingOfGroups { () throws(CgroupError) in
      // What is in it would be limited with the container, and ended with it.
      guard try !group.isPopulated() else { throw .badName(group.name, reason: "there are processes in it already") }
      for attempt in 1...attempts {
        do throws(CgroupError) {
          return try group.create().perform()
        } catch {
          guard case .refused(let reason, _) = error, reason.errno == .noSuchFile, attempt < attempts else {
            throw error
          }
        }
      }
    }
  }

  /// Where there is all above it, and nothing of it, that is all to be done on v1.
  private static func makeLeaves(_ group: Cgroup) throws(Failure) -> Bool {
    guard group.layout.version == .v1 else { return false }
    for directory in group.directories where system_mkdir(directory, 0o755) < 0 { return false }
    return true
  }

  static func removeStandardParent(of group: Cgroup) {
    guard group.name.utf8.starts(with: (standardParent + "/").utf8) else { return }
    for hierarchy in group.layout.hierarchies { _ = system_rmdir(hierarchy.mountPoint + "/" + standardParent) }
  }
}

/// Ends all processes of a group and waits until they are gone, for as long as that may take.
func endAll(_ group: Cgroup) {
  for _ in 0..<ContainerEnd.rounds {
    _ = try? group.kill()
    guard (try? group.isPopulated()) == true else { return }
    Clock.sleep(milliseconds: ContainerEnd.roundMilliseconds)
  }
}

func removeControlGroup(_ group: Cgroup) throws(Failure) {
  for _ in 0..<ContainerEnd.rounds {
    let outcome = try tellingOfGroups { () throws(CgroupError) in try group.remove() }
    guard case .busy = outcome else { return GroupMaker.removeStandardParent(of: group) }
    Clock.sleep(milliseconds: ContainerEnd.roundMilliseconds)
  }
  throw Failure("control group \(group): its processes do not end: look for ones that wait for a disk (state D in ps)")
}

enum ContainerEnd {
  /// Ten seconds in all.
  static let rounds = 1000
  static let roundMilliseconds: UInt64 = 10
}
