import Basics
import MicroAgent
import Microcloud

let topVerb = Verb(
  name: "top", operands: "CONTAINER", summary: "Show the processes in a container", leastOperands: 1, mostOperands: 1,
  options: [],
  notes: """
    PID is a process's number on the node, INSIDE in the container, and USER who it is there. STATE: R runs, S sleeps,
    D waits for a disk, T is stopped, Z has ended. COMMAND is the name of its program, or what that calls itself.

    """
) { session throws(Failure) in
  let answer = try session.client.fetch(["containers", session.operand, "top"])
  if session.isJSON {
    try session.output.json(answer)
    return ExitCode.success
  }
  try session.output.write(table(ofProcesses: answer[.running]?.arrayValue ?? []).text)
  if answer[.isCut]?.boolValue ?? false {
    try session.output.flush()
    Output.complain("top: there are more: `microctl stats \(session.operand)` counts them")
  }
  return ExitCode.success
}

func table(ofProcesses processes: [CBORValue]) -> Table {
  var table = Table(["PID", "INSIDE", "USER", "STATE", "MEMORY", "CPU TIME", "COMMAND"])
  func number(_ value: CBORValue?) -> String { value?.unsignedValue.map { "\($0)" } ?? "-" }
  for process in processes {
    table.add([
      number(process[.process]), number(process[.insideProcess]), number(process[.user]),
      process[.state]?.textValue ?? "-",
      process[.memoryUsedBytes]?.unsignedValue.map { ByteCount.short($0) } ?? "-",
      process[.cpuNanoseconds]?.unsignedValue.map { Duration.processor(nanoseconds: $0) } ?? "-",
      process[.name]?.textValue ?? "-",
    ])
  }
  return table
}
