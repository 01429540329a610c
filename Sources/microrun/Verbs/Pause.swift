import Cgroups
import LinuxSystem
import OCIRuntime

let pauseVerb = Verb(
  name: "pause", operands: "ID", count: 1...1, help: "pause all processes of a container", options: []
) {
  command throws(Failure) in
  let record = try command.states.record(command.id)
  guard command.status(record) == .running else {
    throw Failure("container \(record.id): it is \(command.status(record).rawValue), not running")
  }
  let group = try command.group(record)
  for _ in 0..<ContainerEnd.rounds {
    try tellingOfGroups { () throws(CgroupError) in try group.freeze() }
    guard try tellingOfGroups({ () throws(CgroupError) in try group.freezerState() }) != .frozen else {
      return ExitCode.success
    }
    Clock.sleep(milliseconds: ContainerEnd.roundMilliseconds)
  }
  try? tellingOfGroups { () throws(CgroupError) in try group.thaw() }
  throw Failure("container \(record.id): some of its processes cannot be paused: it goes on")
}

let resumeVerb = Verb(name: "resume", operands: "ID", count: 1...1, help: "let a paused container go on", options: []) {
  command throws(Failure) in
  let record = try command.states.record(command.id)
  guard command.status(record) == .paused else {
    throw Failure("container \(record.id): it is \(command.status(record).rawValue), not paused")
  }
  let group = try command.group(record)
  try tellingOfGroups { () throws(CgroupError) in try group.thaw() }
  return ExitCode.success
}
