import CSystem
import MicroAgent

// Where the program starts: SwiftPM tells the linker that `main` is `<module>_main`, on the host and on boards alike.
@_cdecl("microctl_main")
func programMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  var texts: [String] = []
  for index in 1..<max(1, Int(count)) {
    if let text = arguments[index] { texts.append(String(cString: text)) }
  }
  let output = Output()
  do throws(Failure) {
    let code = try perform(texts, output)
    try output.flush()
    return code
  } catch {
    // What was written before it went wrong is still good.
    if error.kind != .outputClosed {
      do throws(Failure) { try output.flush() } catch {}
      Output.complain(error.line)
    }
    return error.exitCode
  }
}

private let defaultSocket = "/run/microagent/control.sock"

private func perform(_ texts: [String], _ output: Output) throws(Failure) -> CInt {
  let invocation = try CommandLineParser.parse(texts, verbs: allVerbs)
  let arguments = invocation.arguments
  if arguments.has(.version) {
    try output.line("microctl \(Version.text)")
    return ExitCode.success
  }
  guard let verb = invocation.verb else {
    guard arguments.has(.help) else {
      throw Failure(.usage, "say what to do: `microctl help` lists the commands")
    }
    try output.write(Help.overview(allVerbs))
    return ExitCode.success
  }
  if arguments.has(.help) {
    try output.write(Help.verb(verb))
    return ExitCode.success
  }
  return try verb.perform(Session(arguments: arguments, client: Client(try destination(arguments)), output: output))
}

private func destination(_ arguments: Arguments) throws(Failure) -> Destination {
  let socket = socketPath(arguments)
  guard let node = arguments.value(.remote) else { return .local(path: socket) }
  return .node(try RemoteNode.find(node, askedAt: socket))
}

private func socketPath(_ arguments: Arguments) -> String {
  if let path = arguments.value(.socket) { return path }
  if let path = getenv("MICROAGENT_SOCKET"), path.pointee != 0 { return String(cString: path) }
  return defaultSocket
}
