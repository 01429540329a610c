import Basics
import MicroAgent
import Microcloud

let leasesVerb = Verb(
  name: "leases", operands: "[LEASE]", summary: "List the leases of this node, or show one whole", leastOperands: 0,
  mostOperands: 1, options: [Option(.quiet, "quiet", alias: "names", short: "q", "Only their numbers, one a line")]
) { session throws(Failure) in
  let operand = session.arguments.operands.first
  let answer = try session.client.fetch(["leases"] + (operand.map { [$0] } ?? []))
  if session.isJSON {
    try session.output.json(answer)
  } else if operand != nil {
    try session.output.write(Listing.text(of: answer))
  } else if session.arguments.has(.quiet) {
    for lease in answer.arrayValue ?? [] { try session.output.line("\(lease[.id]?.unsignedValue ?? 0)") }
  } else {
    try session.output.write(table(ofLeases: answer.arrayValue ?? []).text)
  }
  return ExitCode.success
}

let renewVerb = Verb(
  name: "renew", operands: "LEASE [LEASE...]", summary: "Keep leases for longer, or take up again what is over",
  leastOperands: 1, mostOperands: nil,
  options: [Option(.duration, "for", value: "TIME", "From now on, as 90s, 30m, 2h or 7d (1h)")]
) { session throws(Failure) in
  var seconds = LeaseRequest().durationSeconds
  let reader = OptionReader(arguments: session.arguments, verb: "renew")
  try reader.read(.duration, "--for", "a time, as 2h", into: &seconds) { TimeSpan.seconds($0) }
  let change = LeaseChange(durationSeconds: seconds)
  return try forEachOperand(session) { (id) throws(Failure) in
    _ = try session.client.request(.post, ["leases", id], payload: change.value)
  }
}

let releaseVerb = Verb(
  name: "release", operands: "LEASE [LEASE...]", summary: "End leases before their time", leastOperands: 1,
  mostOperands: nil, options: [],
  notes: "Their containers are stopped; what these wrote is kept for a day, unless they are removed before.\n"
) { session throws(Failure) in
  try forEachOperand(session) { (id) throws(Failure) in
    _ = try session.client.request(.delete, ["leases", id])
  }
}

func table(ofLeases leases: [CBORValue]) -> Table {
  var table = Table(["ID", "STATUS", "LEFT", "MEMORY", "USED", "CPU", "CONTAINERS", "HOLDER"])
  for lease in leases {
    let used = lease[.used]
    table.add([
      "\(lease[.id]?.unsignedValue ?? 0)", status(of: lease),
      Duration.short(seconds: lease[.remainingSeconds]?.unsignedValue ?? 0),
      Amount.text(lease[.memoryBytes]?.unsignedValue ?? 0, .memoryBytes),
      Amount.text(used?[.memoryBytes]?.unsignedValue ?? 0, .memoryBytes),
      Amount.text(lease[.cpuMillis]?.unsignedValue ?? 0, .cpuMillis),
      "\(used?[.containers]?.unsignedValue ?? 0)/\(lease[.containers]?.unsignedValue ?? 0)", holder(of: lease),
    ])
  }
  return table
}

private func status(of lease: CBORValue) -> String {
  let phase = lease[.phase]?.textValue ?? "unknown"
  return lease[.reason]?.textValue.map { "\(phase): \($0)" } ?? phase
}

/// The first digits of a key's thumbprint are enough for a table.
private func holder(of lease: CBORValue) -> String {
  guard let holder = lease[.holder]?.bytesValue else { return "-" }
  return Principal.isOwner(holder) ? "owner" : Hexadecimal.text(Array(holder.prefix(8)))
}
