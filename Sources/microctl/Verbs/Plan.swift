import MicroAgent
import Microcloud

let planVerb = Verb(
  name: "plan", operands: "ROOTFS COMMAND [ARG...]",
  summary: "Show step by step how `run` would launch a container, and do nothing", leastOperands: 2,
  mostOperands: nil, endsOptionsAtOperand: true, options: containerOptions
) { session throws(Failure) in
  let request = try ContainerRequest(session.arguments, verb: "plan")
  let answer = try session.client.request(.post, ["plan"], payload: request.value)
  if session.isJSON {
    try session.output.json(answer)
  } else {
    try session.output.write(steps("The agent, on the node:", answer[.agentSteps]))
    try session.output.write(steps("The child, inside its namespaces:", answer[.childSteps]))
  }
  return ExitCode.success
}

private func steps(_ title: String, _ value: CBORValue?) -> String {
  var text = title + "\n"
  for (index, step) in (value?.arrayValue ?? []).enumerated() {
    let number = "\(index + 1)"
    text += "  \(Text.spaces(3 - number.utf8.count))\(number)  \(Text.clean(step.textValue ?? step.description))\n"
  }
  return text
}
