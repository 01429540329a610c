import CSystem
import LinuxSystem
import MicroAgent
import Microcloud

let runVerb = Verb(
  name: "run", operands: "ROOTFS COMMAND [ARG...]",
  summary: "Run a program in a container made of a root file system, within a budget", leastOperands: 2,
  mostOperands: nil, endsOptionsAtOperand: true,
  options: [
    Option(.detach, "detach", short: "d", "Print its name once it runs, and leave it running"),
    Option(.remove, "rm", "Remove it when it has ended"),
  ] + containerOptions,
  notes: """
    Without --detach its output is shown, and the exit code is the container's: 128 + N where signal N ended it,
    137 where its memory budget did, 125 where it could not be started. An interrupt stops it; a second one detaches.

    """
) { session throws(Failure) in
  var request = try ContainerRequest(session.arguments, verb: "run")
  do throws(Failure) {
    if session.arguments.has(.detach) { return try detached(request, session) }
    // A name of our own, so that it can be watched before anything of it runs: with --rm it may be gone a moment later.
    if request.name.isEmpty { request.name = try randomName() }
    return try Attachment(request, session).run()
  } catch {
    throw error.kind == .refused ? Failure(.exit(ExitCode.notStarted), error.line) : error
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
private func randomName() throws(Failure) -> String {
  let bytes: [UInt8]
  do throws(SystemError) { bytes = try Files.read("/dev/urandom", limitBytes: 4) } catch {
    throw Failure(.refused, "choose a name: \(error.description): give one with --name")
  }
  let number = bytes.reduce(UInt32(1)) { $0 << 8 | UInt32($1) }
  let digits = String(UInt64(number) | 1 << 32, radix: 16)
  return "run-" + String(decoding: digits.utf8.dropFirst(), as: UTF8.self)
}
