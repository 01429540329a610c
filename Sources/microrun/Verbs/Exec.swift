import Basics
import CSystem
import Cgroups
import ContainerRunner
import Images
import LinuxSystem
import OCIRuntime

let execVerb = Verb(
  name: "exec", operands: "ID [PROGRAM [ARGUMENT...]]", count: 1...4096, help: "run a program in a running container",
  options: [
    Option(name: "process", letter: "p", value: "FILE", help: "what to run, as a config.json's process"),
    Option(name: "detach", letter: "d", help: "do not wait for its end"),
    Option(name: "pid-file", value: "FILE", help: "its process's number is written there"),
    Option(name: "console-socket", value: "PATH", help: "where its terminal's other side is sent"),
    Option(name: "tty", letter: "t", help: "it has a terminal"),
    Option(name: "cwd", value: "DIR", help: "its working directory"),
    Option(name: "env", letter: "e", value: "NAME=VALUE", help: "one more variable; may be repeated"),
    Option(name: "user", letter: "u", value: "UID[:GID]", help: "who it is"),
    Option(name: "preserve-fds", value: "N", help: "so many descriptors from 3 on are its, too (0)"),
  ]
) { command throws(Failure) in
  try protectOwnProgram()
  let preserved = try command.preservedCount()
  let record = try command.states.record(command.id)
  let config = try command.states.config(record.id)
  let process = try command.execProcess(config)
  let container = system_pidfd_open(record.process)
  let status = command.status(record)
  guard container >= 0, case let held = FileDescriptor(owning: container), status == .running else {
    throw Failure("container \(record.id): it is \(status.rawValue), not running")
  }
  let facts = try command.facts()
  let group = try command.group(record)
  var spec = config.spec(
    name: record.id, bundle: record.bundle, process: process, cgroup: group, is64Bit: facts.is64Bit)
  spec.container.cgroup = CgroupPlacement(join: group.join)
  spec.ownsStreams = Descriptors.arePipes
  spec.preservedCount = preserved
  let console = try ConsoleSocket(
    command.arguments, terminal: process.terminal, stays: !command.arguments.has("detach"))
  let signals = try Supervision.catchSignals()
  var descriptors = LaunchDescriptors(standardOutput: 1, standardError: 2, container: held.rawValue)
  descriptors.standardInput = 0
  descriptors.console = console.descriptor
  descriptors.preservedCount = preserved
  let started = try command.startExec(spec, facts, descriptors)
  if command.arguments.has("detach") { return ExitCode.success }
  return try Supervision.wait(started.pid, started.pidfd.rawValue, signals, try console.terminal())
}

extension Command {
  fileprivate func startExec(
    _ spec: RuntimeSpec, _ facts: HostFacts, _ descriptors: LaunchDescriptors
  ) throws(Failure) -> StartedProcess {
    let plan: LaunchPlan
    do throws(PlanError) {
      plan = try LaunchPlan(execInRuntime: spec, facts: facts)
    } catch {
      throw Failure("\(error)")
    }
    let started = try tellingOfLaunch { () throws(LaunchError) in try ContainerProcess.start(plan, descriptors) }
    try writePIDFile(started.pid)
    try letRun(started, plan)
    return started
  }

  /// What is to be run: a document's process, or the container's own with another program.
  fileprivate func execProcess(_ config: RuntimeConfig) throws(Failure) -> ProcessConfig {
    let words = Array(arguments.operands.dropFirst())
    if let file = arguments.value("process") {
      if !words.isEmpty { throw Failure("exec: give a program or --process, not both", exitCode: ExitCode.usage) }
      let bytes = try StateDirectory.readBytes(file)
      do throws(ConfigError) {
        var process = try RuntimeConfig.readProcess(bytes)
        if arguments.has("tty") { process.terminal = true }
        return process
      } catch {
        throw Failure(lines: error.lines)
      }
    }
    guard var process = config.process, !words.isEmpty else {
      throw Failure("exec: say which program to run", exitCode: ExitCode.usage)
    }
    process.spec.args = words
    process.terminal = arguments.has("tty")
    process.spec.cwd = arguments.value("cwd") ?? process.spec.cwd
    for variable in arguments.all("env") {
      let name = variable.utf8.prefix { $0 != UInt8(ascii: "=") }
      process.spec.env.removeAll { $0.utf8.prefix { $0 != UInt8(ascii: "=") }.elementsEqual(name) }
      process.spec.env.append(variable)
    }
    if let user = arguments.value("user") { try setUser(user, &process) }
    return process
  }

  private func setUser(_ text: String, _ process: inout ProcessConfig) throws(Failure) {
    let parts = ASCII.split(Array(text.utf8)[...], at: UInt8(ascii: ":"))
    let numbers = parts.compactMap { Decimal.parse($0).flatMap { UInt32(exactly: $0) } }
    guard parts.count <= 2, numbers.count == parts.count else {
      throw Failure("--user \(text): it must be UID or UID:GID, as numbers", exitCode: ExitCode.usage)
    }
    process.spec.user.uid = numbers[0]
    if numbers.count > 1 { process.spec.user.gid = numbers[1] }
  }
}
