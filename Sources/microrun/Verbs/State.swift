import Images
import OCIRuntime

let stateVerb = Verb(
  name: "state", operands: "ID", count: 1...1, help: "print a container's state as JSON", options: []
) {
  command throws(Failure) in
  let record = try command.states.record(command.id)
  let config = try command.states.config(record.id)
  Streams.write(JSONText.write(record.state(command.status(record), annotations: config.annotations)) + "\n")
  return ExitCode.success
}
