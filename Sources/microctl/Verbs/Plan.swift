import MicroAgent
import Microcloud

let planVerb = Verb(
  name: "plan", operands: "IMAGE|ROOTFS [COMMAND] [ARG...]",
  summary: "Show step by step how `run` would launch a container, and do nothing", leastOperands: 1,
  mostOperands: nil, endsOptionsAtOperand: true, options: containerOptions
) { session throws(Failure) in
  let request = try ContainerRequest(session, verb: "plan")
  let answer = try session.client.request(.post, ["plan"], payload: request.value)
  if session.isJSON {
    try session.output.json(answer)
  } else {
    if let mounter = answer[.mounterSteps] {
      try session.output.write(steps("The mounter, on the node, beside the agent:", mounter))
    }
    try session.output.write(steps("The agent, on the node:", answer[.agentSteps]))
    try session.output.write(steps("The child, inside its namespaces:", answer[.childSteps]))
  }
  return ExitCode.success
}

/// The steps as they come, each with its number in the whole plan, as errors tell it; the numbers aligned.
private func steps(_ title: String, _ value: CBORValue?) -> String {
  var text = title + "\n"
  for step in value?.arrayValue ?? [] {
    let line = Text.clean(step.textValue ?? step.description)
    let digits = line.utf8.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }.count
    text += "  \(Text.spaces(3 - digits))\(line)\n"
  }
  return text
}
