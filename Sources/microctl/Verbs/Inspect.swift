import Basics
import LinuxSystem
import MicroAgent
import Microcloud

let inspectVerb = Verb(
  name: "inspect", operands: "CONTAINER", summary: "Show all that is known of a container", leastOperands: 1,
  mostOperands: 1, options: []
) { session throws(Failure) in
  let value = try session.client.fetch(["containers", session.operand])
  if session.isJSON {
    try session.output.json(value)
  } else {
    try session.output.write(Listing.text(of: value))
  }
  return ExitCode.success
}

let infoVerb = Verb(
  name: "info", operands: "", summary: "Show the agent and its node", leastOperands: 0, mostOperands: 0, options: []
) { session throws(Failure) in
  let value = try session.client.fetch(["info"])
  if session.isJSON {
    try session.output.json(value)
  } else {
    try session.output.write(Listing.text(of: value))
  }
  return ExitCode.success
}
