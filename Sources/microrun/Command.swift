import Basics
import CSystem
import Cgroups
import ContainerRunner
import LinuxSystem
import OCIRuntime

/// A command as it runs: what was asked for, and what every verb needs.
struct Command {
  let arguments: Arguments
  let states: StateDirectory
  let log: Log
  let machine = Machine()

  var id: String { arguments.operands.first ?? "" }

  func layout() throws(Failure) -> CgroupLayout { try machine.layout() }

  func facts() throws(Failure) -> HostFacts {
    var facts = try machine.facts()
    if arguments.has("no-pivot") { facts.rootIsInitramfs = true }
    return facts
  }

  /// A container's group. Its hierarchies are all that the machine has: those that it is not in have no such directory.
  func group(_ record: ContainerRecord) throws(Failure) -> Cgroup {
    let layout = try layout()
    return try tellingOfGroups { () throws(CgroupError) in
      try Cgroup(record.cgroup, in: layout, controllers: CgroupController.allCases)
    }
  }

  /// What the kernel says of a container now.
  func status(_ record: ContainerRecord) -> ContainerStatus {
    guard let process = ProcessStatus(of: record.process), process.startTicks == record.startTicks, !process.isZombie
    else {
      return .stopped
    }
    if !process.hasExecuted { return .created }
    guard let group = try? group(record), let frozen = try? group.freezerState() else { return .running }
    return frozen == .thawed ? .running : .paused
  }

  func writePIDFile(_ process: Int32) throws(Failure) {
    guard let path = arguments.value("pid-file") else { return }
    try telling { () throws(SystemError) in try replace(path, Array("\(process)".utf8), mode: 0o644) }
  }

  /// How many descriptors from 3 on the caller wants handed on.
  func preservedCount() throws(Failure) -> Int {
    guard let text = arguments.value("preserve-fds") else { return 0 }
    guard let number = Decimal.parse(text), number <= UInt64(RuntimeSpec.maxPreserved) else {
      throw Failure("--preserve-fds \(text): it must be 0 to \(RuntimeSpec.maxPreserved)", exitCode: ExitCode.usage)
    }
    for descriptor in 0..<CInt(number) {
      var status = system_file_status()
      guard system_fstat(3 + descriptor, &status) == 0 else {
        throw Failure("--preserve-fds \(text): descriptor \(3 + descriptor) is not open")
      }
    }
    return Int(number)
  }

  /// Puts everybody's view of an unknown property into the log: the specification demands that it be passed over.
  func tellUnknown(_ config: RuntimeConfig) {
    for field in config.unknown { log.warning("config.json: \(field): it is in no specification, and was passed over") }
  }
}

/// What a command asks the kernel of the machine, once.
final class Machine {
  private var knownMountInfo: [UInt8]?
  private var knownLayout: CgroupLayout?

  /// A host with many containers has some thousand mounts of about 200 bytes each.
  private static let mountInfoLimitBytes = 4 << 20

  func layout() throws(Failure) -> CgroupLayout {
    if let knownLayout { return knownLayout }
    let mountInfo = try mountInfo()
    let layout = try tellingOfGroups { () throws(CgroupError) in try CgroupLayout.discover(mountInfo: mountInfo) }
    knownLayout = layout
    return layout
  }

  func facts() throws(Failure) -> HostFacts {
    let mountInfo = try mountInfo()
    return try telling { () throws(SystemError) in try HostFacts.discover(mountInfo: mountInfo) }
  }

  private func mountInfo() throws(Failure) -> [UInt8] {
    if let knownMountInfo { return knownMountInfo }
    let bytes = try telling { () throws(SystemError) in
      try Files.read("/proc/self/mountinfo", limitBytes: Self.mountInfoLimitBytes, expectedBytes: 8192)
    }
    knownMountInfo = bytes
    return bytes
  }
}

/// The same of control groups.
func tellingOfGroups<Value: ~Copyable>(_ work: () throws(CgroupError) -> Value) throws(Failure) -> Value {
  do throws(CgroupError) {
    return try work()
  } catch {
    throw Failure("\(error)")
  }
}

/// The same of a launch.
func tellingOfLaunch<Value: ~Copyable>(_ work: () throws(LaunchError) -> Value) throws(Failure) -> Value {
  do throws(LaunchError) {
    return try work()
  } catch {
    throw Failure("\(error)")
  }
}
