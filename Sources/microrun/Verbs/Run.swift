import CSystem
import Images
import OCIRuntime

let runVerb = Verb(
  name: "run", operands: "ID", count: 1...1, help: "make a container, run it, and remove it when it has ended",
  options: createOptions + [Option(name: "detach", letter: "d", help: "leave it running")]
) { command throws(Failure) in
  let maker = try ContainerMaker(command)
  let signals = try Supervision.catchSignals()
  let container = try maker.make(waitsForStart: false)
  let code: CInt
  do throws(Failure) {
    try container.release()
    try Hooks.run(
      maker.config.hooks.poststart, "poststart", container.record.state(.running, annotations: maker.config.annotations)
    )
    if command.arguments.has("detach") { return ExitCode.success }
    code = try Supervision.wait(
      container.process.pid, container.process.pidfd.rawValue, signals, try container.console.terminal())
  } catch {
    try? command.delete(container.record, maker.config)
    throw error
  }
  try command.remove(container.record, container.group, maker.config)
  // Here rather than where all that is open is closed first, one by one.
  exit(code)
}
