import EventLoop
import MicroAgent
import Microcloud

/// Programs that are run in containers beside their own.
extension Agent {
  func exec(
    _ request: ControlRequest, in container: Container, _ number: UInt32, _ wish: ExecRequest
  ) throws(RequestError) {
    guard container.phase == .running, let process = host.find(container.id)?.child?.pidfd else {
      throw RequestError(.conflict, "container \(container.name): it is \(container.phase): start it first")
    }
    if container.isPaused {
      throw RequestError(.conflict, "container \(container.name): it is paused: resume it first")
    }
    try execs.run(ExecName(container: container.id, number: number), wish, in: container, process: process)
    respond(CoAPMessage(code: .created, token: request.token), to: request)
  }

  func answerExec(_ request: ControlRequest, _ name: ExecName, _ observe: Bool) throws(RequestError) {
    guard let value = execs.value(of: name) else {
      throw RequestError(
        .notFound,
        "exec \(name.number): it is not known here: it never began, or the agent was started again, or it is too long ago"
      )
    }
    if observe { watch(.state(.exec(name)), request) } else { send(value, request) }
  }
}
