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
  case .boardSettings(let path):
    write(AgentSetup(tolerating: path).configuration.shellText)
    return AgentExit.ended
  case .run(let path, let isBoard):
    // Who runs a program in a container can be led to run its own there.
    if system_program_is_unwritable() == 0 { _ = system_run_unwritable(arguments) }
    return run(configurationPath: path, isBoard: isBoard)
  }
}

/// What the command line asks for.
enum Invocation {
  case help
  case version
  case run(configurationPath: String?, isBoard: Bool)
  case boardSettings(configurationPath: String?)
  case wrong(String)

  static let helpText = """
    Usage: microagentd [--board] [--config FILE]
           microagentd --board-settings [--config FILE]

    Runs the agent: containers for the node's neighbours, within budgets that hold.
    It stays in the foreground and is controlled by microctl.

      --config FILE   settings, one `name = value` a line (default: none, all defaults)
      --board         be the main program of a board: feed its watchdog, use its lights
                      and button, and start whatever is wrong in FILE
      --board-settings  print what FILE says of the board's system, for a shell, and end
      --version       print the version and end
      --help          print this and end

    """

  init(_ words: [String]) {
    var path: String?
    var isBoard = false
    var printsSettings = false
    var index = 0
    while index < words.count {
      switch words[index] {
      case "--help", "-h":
        self = .help
        return
      case "--version":
        self = .version
        return
      case "--board":
        isBoard = true
        index += 1
      case "--board-settings":
        printsSettings = true
        index += 1
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
    self =
      printsSettings ? .boardSettings(configurationPath: path) : .run(configurationPath: path, isBoard: isBoard)
  }
}

/// The keeper's whole life; the agent is its child.
private func run(configurationPath: String?, isBoard: Bool) -> CInt {
  var setup: AgentSetup
  if isBoard {
    setup = AgentSetup(tolerating: configurationPath)
    setup.board = BoardRoot()
    for problem in setup.problems { Diagnostics.line(problem) }
  } else {
    do throws(StartError) {
      setup = try AgentSetup(strictly: configurationPath)
    } catch {
      Diagnostics.line(error.description)
      return AgentExit.failed
    }
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
      return runAgent(setup, life)
    }
  } catch {
    Diagnostics.line("\(error)")
    return AgentExit.failed
  }
}

private func runAgent(_ setup: AgentSetup, _ life: AgentLife) -> CInt {
  CrashPoint.arm(life)
  do throws(StartError) {
    return try Agent(setup, life).run()
  } catch {
    Diagnostics.line(error.description)
    return AgentExit.failed
  }
}

private func write(_ text: String) {
  let bytes = Array(text.utf8)
  _ = bytes.withUnsafeBytes { system_write(1, $0.baseAddress, $0.count) }
}
