import Basics
import MicroAgent
import Microcloud

let leaseVerb = Verb(
  name: "lease", operands: "", summary: "Set a part of this node aside for a time", leastOperands: 0, mostOperands: 0,
  options: [
    Option(.memory, "memory", short: "m", value: "BYTES", "Memory, as 8M, for all that is to run in it (needed)"),
    Option(.cpu, "cpu", value: "PART", "Processor, as 20% of a core or 0.2 cores (20%)"),
    Option(.disk, "disk", value: "BYTES", "Disk (0)"),
    Option(.processes, "processes", value: "COUNT", "How many processes and threads (256)"),
    Option(.containers, "containers", value: "COUNT", "How many containers (4)"),
    Option(.duration, "for", value: "TIME", "How long, as 90s, 30m, 2h or 7d (1h)"),
    Option(.priority, "priority", value: "NUMBER", "0 to 7: lower ones are given up first when the node is short (3)"),
    Option(.requestID, "request-id", value: "HEX", "The same again is the same lease (a random one)"),
    Option(.tentative, "tentative", "Do not confirm it: it goes after 30 seconds unless something is run in it"),
  ],
  notes: """
    It prints the lease's number, for `microctl run --lease`. Each container in it takes its memory budget, 240K, and
    its log. At its end its containers are stopped, and what they wrote is kept for a day.

    """
) { session throws(Failure) in
  let request = try LeaseRequest(session.arguments)
  var lease = try session.client.request(.post, ["leases"], payload: request.value)
  let id = lease[.id]?.unsignedValue ?? 0
  if !session.arguments.has(.tentative), lease[.phase]?.textValue == "tentative" {
    let generation = lease[.generation]?.unsignedValue.flatMap { UInt32(exactly: $0) }
    let change = LeaseChange(generation: generation)
    lease = try session.client.request(.post, ["leases", "\(id)"], payload: change.value)
  }
  if session.isJSON { try session.output.json(lease) } else { try session.output.line("\(id)") }
  return ExitCode.success
}

extension LeaseRequest {
  /// What a command line asks for.
  init(_ arguments: Arguments) throws(Failure) {
    self.init()
    let reader = OptionReader(arguments: arguments, verb: "lease")
    guard arguments.value(.memory) != nil else { throw Failure(.usage, "lease: give --memory, as 8M") }
    try reader.read(.memory, "--memory", "a size, as 8M", into: &size.memoryBytes) { ByteCount.parse($0) }
    try reader.read(.cpu, "--cpu", "a part of a core, as 20% or 0.2", into: &size.cpuMillis) { Duration.cpuShare($0) }
    try reader.read(.disk, "--disk", "a size, as 64M", into: &size.diskBytes) { ByteCount.parse($0) }
    try reader.read(.processes, "--processes", "a number, as 64", into: &size.processes) { Decimal.parse($0) }
    try reader.read(.containers, "--containers", "a number, as 4", into: &size.containers) { Decimal.parse($0) }
    try reader.read(.duration, "--for", "a time, as 2h", into: &durationSeconds) { TimeSpan.seconds($0) }
    try reader.read(.priority, "--priority", "a number, 0 to 7", into: &priority) {
      Decimal.parse($0).flatMap { UInt8(exactly: $0) }
    }
    if arguments.value(.requestID) == nil {
      requestID = try randomBytes(16, for: "choose a request id", advice: "give one with --request-id")
    }
    try reader.read(.requestID, "--request-id", "16 to 32 hexadecimal digits", into: &requestID) {
      Hexadecimal.bytes($0.utf8)
    }
  }
}
