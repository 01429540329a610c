import CSystem
import LinuxSystem
import MicroAgent

// Where the program starts: SwiftPM tells the linker that `main` is `<module>_main`, on the host and on boards alike.
@_cdecl("microagentd_main")
func programMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  let words = (1..<max(1, Int(count))).compactMap { arguments[$0].map { String(cString: $0) } }
  switch Invocation(words) {
  case .help:
    write(Invocation.helpText)
    return AgentExit.ended
  case .version:
    write("microagentd \(Version.text) (\(Version.instructionSet))\n")
    return AgentExit.ended
  case .wrong(let problem):
    Diagnostics.line("\(problem): see microagentd --help")
    return AgentExit.usage
  case .run(let path):
    // Who runs a program in a container can be led to run its own there.
    if system_program_is_unwritable() == 0 { _ = system_run_unwritable(arguments) }
    return run(configurationPath: path)
  }
}

/// What the command line asks for.
enum Invocation {
  case help
  case version
  case run(configurationPath: String?)
  case wrong(String)

  static let helpText = """
    Usage: microagentd [--config FILE]

    Runs the agent: containers for the node's neighbours, within budgets that hold.
    It stays in the foreground and is controlled by microctl.

      --config FILE   settings, one `name = value` a line (default: none, all defaults)
      --version       print the version and end
      --help          print this and end

    """

  init(_ words: [String]) {
    var path: String?
    var index = 0
    while index < words.count {
      switch words[index] {
      case "--help", "-h":
        self = .help
        return
      case "--version":
        self = .version
        return
      case "--config":
        guard index + 1 < words.count else {
          self = .wrong("--config: give a file")
          return
        }
        path = words[index + 1]
        index += 2
      default:
        self = .wrong("'\(words[index])' is not an option")
        return
      }
    }
    self = .run(configurationPath: path)
  }
}

/// The keeper's whole life; the agent is its child.
private func run(configurationPath: String?) -> CInt {
  let configuration: Configuration
  do throws(StartError) {
    configuration = try readConfiguration(configurationPath)
  } catch {
    Diagnostics.line(error.description)
    return AgentExit.failed
  }
  ProgramMemory.release()
  // Directories get the modes they are given, and containers must not inherit a service manager's stricter mask.
  _ = system_set_umask(0o022)
  // A container costs about ten descriptors; containers themselves get a limit of their own.
  _ = system_raise_descriptor_limit()
  // When the board runs out of memory, a container ends before the agent does. Not allowed everywhere.
  try? Files.write("-900", to: "/proc/self/oom_score_adj")
  _ = system_set_process_name("keeper")
  var keeper = Keeper()
  do throws(SystemError) {
    return try keeper.run { life in
      _ = system_set_process_name("microagentd")
      return runAgent(configuration, life)
    }
  } catch {
    Diagnostics.line("\(error)")
    return AgentExit.failed
  }
}

private func runAgent(_ configuration: Configuration, _ life: AgentLife) -> CInt {
  CrashPoint.arm(life)
  do throws(StartError) {
    return try Agent(configuration, life).run()
  } catch {
    Diagnostics.line(error.description)
    return AgentExit.failed
  }
}

private func readConfiguration(_ path: String?) throws(StartError) -> Configuration {
  guard let path else { return Configuration() }
  let text: [UInt8]
  do throws(SystemError) {
    text = try Files.read(path, limitBytes: Configuration.maximumFileBytes)
  } catch {
    throw StartError("\(error): check --config")
  }
  do throws(ConfigurationError) {
    return try Configuration(parsing: text)
  } catch {
    throw StartError("\(path): \(error)")
  }
}

private func write(_ text: String) {
  let bytes = Array(text.utf8)
  _ = bytes.withUnsafeBytes { system_write(1, $0.baseAddress, $0.count) }
}
