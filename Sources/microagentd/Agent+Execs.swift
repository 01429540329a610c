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
    guard let value = execs.value(of: name) else { throw Execs.unknown(name) }
    if observe { watch(.state(.exec(name)), request) } else { send(value, request) }
  }

  /// What somebody asks who gives a program input or a terminal, and takes its output.
  func attend(_ request: ControlRequest, _ name: ExecName, _ attendance: Attendance) throws(RequestError) {
    switch attendance {
    case .read(let stream, let from, let observe):
      guard let output = try execs.output(of: name, stream) else {
        return send(LogFollow.chunk(from, [], isEnd: true), request)
      }
      let follow = OutputFollow(output, from: from)
      if observe { return watch(.output(follow), request) }
      let (start, bytes, isEnd) = follow.read(limitBytes: request.client.chunkBytes)
      send(LogFollow.chunk(start, bytes, isEnd: isEnd), request)
    case .taken(let output, let errors):
      try execs.take(name, output: output, errors: errors)
      respond(Responses.done(request, name: ""), to: request)
    case .input(let piece):
      try execs.give(name, piece) { [unowned(unsafe) self] error in
        respond(error?.response(token: request.token) ?? Responses.done(request, name: ""), to: request)
      }
    case .size(let size):
      try execs.resize(name, to: size)
      respond(Responses.done(request, name: ""), to: request)
    case .hangUp:
      try execs.hangUp(name)
      respond(Responses.done(request, name: ""), to: request)
    }
  }
}
