import CSystem
import ContainerRunner
import LinuxSystem
import OCIRuntime

// Where the program starts: SwiftPM tells the linker that `main` is `<module>_main`, on the host and on boards alike.
@_cdecl("microrun_main")
func programMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  ownArguments = arguments
  let words = (1..<max(1, Int(count))).compactMap { arguments[$0].map { String(cString: $0) } }
  var log: Log?
  do throws(Failure) {
    return try perform(words[...], &log)
  } catch {
    for line in error.lines {
      if let log { log.error(line) } else { Streams.write("microrun: \(Streams.clean(line))\n", to: 2) }
    }
    return error.exitCode
  }
}

private let allVerbs = [
  createVerb, startVerb, runVerb, stateVerb, killVerb, deleteVerb, execVerb, pauseVerb, resumeVerb, updateVerb,
  listVerb, psVerb,
  specVerb,
  featuresVerb,
]

private func perform(_ words: ArraySlice<String>, _ log: inout Log?) throws(Failure) -> CInt {
  var reader = ArgumentReader(words)
  try reader.readOptions(globalOptions, of: "microrun")
  let global = reader.arguments
  if global.has("version") {
    Streams.write(versionText)
    return ExitCode.success
  }
  if global.has("help") {
    Streams.write(Help.overview(allVerbs))
    return ExitCode.success
  }
  let ours = try Log(global)
  log = ours
  try checkManager(global)
  guard let name = reader.next() else {
    throw Failure("say what to do: microrun --help lists the commands", exitCode: ExitCode.usage)
  }
  guard let verb = allVerbs.first(where: { $0.name == name }) else {
    throw Failure("there is no command \(name): microrun --help lists them", exitCode: ExitCode.usage)
  }
  try reader.readOptions(verb.options + [helpOption], of: name)
  if reader.arguments.has("help") {
    Streams.write(Help.verb(verb))
    return ExitCode.success
  }
  try reader.takeOperands(of: verb)
  ContainerProcess.enableRuntimePlans()
  // Directories get the modes that they are given.
  _ = system_set_umask(0o022)
  let states = StateDirectory(root: global.value("root") ?? StateDirectory.standardRoot)
  return try verb.perform(Command(arguments: reader.arguments, states: states, log: ours))
}

private func checkManager(_ global: Arguments) throws(Failure) {
  if global.has("systemd-cgroup") {
    throw Failure("--systemd-cgroup: microrun writes control groups itself: use --cgroup-manager=cgroupfs")
  }
  guard let manager = global.value("cgroup-manager"), manager != "cgroupfs" else { return }
  throw Failure("--cgroup-manager=\(manager): there is only cgroupfs")
}

nonisolated(unsafe) private var ownArguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?

extension RuntimeConfig {
  /// Who is in the container cannot write this program, whoever it is there: the file's owner is nobody in it.
  var keepsOwnProgram: Bool {
    var status = system_file_status()
    guard newNamespaces.contains(.user), system_stat("/proc/self/exe", &status) == 0, status.mode & 0o022 == 0 else {
      return false
    }
    return !uidMappings.contains {
      status.user >= $0.hostID && UInt64(status.user) < UInt64($0.hostID) + UInt64($0.size)
    }
  }
}

/// Runs this program again so that nobody in a container can write it through /proc/PID/exe; where that cannot be, goes on.
func protectOwnProgram() throws(Failure) {
  guard let ownArguments, system_program_is_unwritable() == 0 else { return }
  _ = system_run_unwritable(ownArguments)
}
