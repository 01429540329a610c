import Basics
import CSystem
import LinuxSystem
import MicroAgent
import Microcloud

let runVerb = Verb(
  name: "run", operands: "IMAGE|ROOTFS [COMMAND] [ARG...]",
  summary: "Run a program in a container made of an image or a root file system, within a budget", leastOperands: 1,
  mostOperands: nil, endsOptionsAtOperand: true,
  options: [
    Option(.detach, "detach", short: "d", "Print its name once it runs, and leave it running"),
    Option(.remove, "rm", "Remove it when it has ended"),
  ] + placementOptions + containerOptions,
  notes: """
    An image says what runs where no COMMAND is given, and as whom, where and with which environment. A root file system
    is a directory on the node, written with a `/` or `.` first, and needs a COMMAND.

    Without --detach its output is shown, and the exit code is the container's: 128 + N where signal N ended it,
    137 where its memory budget did, 125 where it could not be started. An interrupt stops it; a second one detaches.

    With --any the nodes that know your key are asked for a lease, the best first: with memory, near, little loaded. One
    that has no room, or not that image or root file system, passes it on to the next. Without --cpus it gets 0.2 cores.
    When its output was shown to its end, the lease is released; otherwise the container stops when the lease's time is
    over. What an image says, this node tells or, where it has none of that name, the first of the others that has one.

    """
) { session throws(Failure) in
  do throws(Failure) {
    var request = try ContainerRequest(session, verb: "run")
    if session.arguments.has(.any) { return try PlacedRun(session, request).run() }
    if let option = placementOptions.dropFirst().first(where: { session.arguments.has($0.name) }) {
      throw Failure(.usage, "run: --\(option.long[0]) needs --any")
    }
    if session.arguments.has(.detach) { return try detached(request, session) }
    // A name of our own, so that it can be watched before anything of it runs: with --rm it may be gone a moment later.
    if request.name.isEmpty { request.name = try randomName() }
    return try Attachment(request, session).run()
  } catch {
    throw error.kind == .refused || error.kind == .keyUnknown ? Failure(.exit(ExitCode.notStarted), error.line) : error
  }
}

private func detached(_ request: ContainerRequest, _ session: Session) throws(Failure) -> CInt {
  let answer = try session.client.request(.post, ["containers"], payload: request.value)
  if session.isJSON {
    try session.output.json(answer)
  } else {
    try session.output.line(Text.clean(answer[.name]?.textValue ?? ""))
  }
  return ExitCode.success
}

/// `run-` and eight hexadecimal digits.
func randomName() throws(Failure) -> String {
  "run-" + Hexadecimal.text(try randomBytes(4, for: "choose a name", advice: "give one with --name"))
}

/// Bytes that nobody else has.
func randomBytes(_ count: Int, for purpose: String, advice: String) throws(Failure) -> [UInt8] {
  do throws(SystemError) { return try Files.read("/dev/urandom", limitBytes: count) } catch {
    throw Failure(.refused, "\(purpose): \(error.description): \(advice)")
  }
}
