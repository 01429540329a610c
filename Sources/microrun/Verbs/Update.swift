import Cgroups
import Images
import LinuxSystem
import OCIRuntime

let updateVerb = Verb(
  name: "update", operands: "ID", count: 1...1, help: "change a container's limits",
  options: [Option(name: "resources", letter: "r", value: "FILE", help: "as linux.resources; - is standard input")]
) { command throws(Failure) in
  guard let file = command.arguments.value("resources") else {
    throw Failure("update: give --resources FILE", exitCode: ExitCode.usage)
  }
  let record = try command.states.record(command.id)
  if command.status(record) == .stopped { throw Failure("container \(record.id): it is stopped") }
  let bytes: [UInt8]
  if file == "-" {
    bytes = try telling { () throws(SystemError) in
      try Descriptors.readInput(limitBytes: RuntimeConfig.limits.inputBytes)
    }
  } else {
    bytes = try StateDirectory.readBytes(file)
  }
  let resources: ResourceConfig
  do throws(ConfigError) {
    resources = try ResourceConfig.read(bytes)
  } catch {
    throw Failure(lines: error.lines)
  }
  let group = try command.group(record)
  do throws(CgroupError) {
    try CgroupPlan(operations: try resources.operations(on: group)).perform()
  } catch {
    // The kernel takes one of the two orders. Where it takes neither, the second reason is as good.
    try tellingOfGroups { () throws(CgroupError) in
      try CgroupPlan(operations: try resources.operations(on: group, raisesMemory: true)).perform()
    }
  }
  return ExitCode.success
}
