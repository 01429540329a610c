import CSystem
import ContainerRunner
import Images
import LinuxSystem
import OCIRuntime

let startVerb = Verb(
  name: "start", operands: "ID", count: 1...1, help: "run the program of a container that was created", options: []
) { command throws(Failure) in
  let record = try command.states.record(command.id)
  let status = command.status(record)
  guard status == .created else { throw Failure("container \(record.id): it is \(status.rawValue), not created") }
  let config = try command.states.config(record.id)
  let fifos = command.states.startFIFOs(record.id)
  let bytes = try telling { () throws(SystemError) in
    let errors = try FileDescriptor.open(fifos.errors, O_RDONLY | O_NONBLOCK)
    let control = try FileDescriptor.open(fifos.control, O_WRONLY | O_NONBLOCK)
    try control.write("g", subject: fifos.control)
    return Descriptors.readToEnd(errors.rawValue)
  }
  command.states.removeFIFOs(record.id)
  if let errno = ContainerProcess.errno(ofFailure: bytes) {
    // No exec fails for these reasons, but a hook of the container's own.
    if errno == .canceled || errno == .timedOut {
      throw Failure("container \(record.id): run its startContainer hooks: \(errno)")
    }
    throw Failure("container \(record.id): run \(config.process?.spec.args.first ?? ""): \(errno)")
  }
  try Hooks.run(config.hooks.poststart, "poststart", record.state(.running, annotations: config.annotations))
  return ExitCode.success
}
