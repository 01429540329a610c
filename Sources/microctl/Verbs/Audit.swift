import Basics
import LinuxSystem
import MicroAgent
import Microcloud

let auditVerb = Verb(
  name: "audit", operands: "", summary: "Show who changed what on a node of late, and who was refused",
  leastOperands: 0, mostOperands: 0, options: []
) { session throws(Failure) in
  let answer = try session.client.fetch(["audit"])
  if session.isJSON {
    try session.output.json(answer)
  } else {
    try session.output.write(table(ofAudit: answer.arrayValue ?? []).text)
  }
  return ExitCode.success
}

private func table(ofAudit entries: [CBORValue]) -> Table {
  let now = Clock.wallSeconds()
  var table = Table(["AGO", "WHO", "KEY", "WHAT", "REFUSED"])
  for entry in entries {
    table.add([
      Duration.since(entry[.createdSeconds]?.unsignedValue ?? 0, now: now), entry[.role]?.textValue ?? "",
      key(of: entry), entry[.deed]?.textValue ?? "", entry[.refusal]?.textValue ?? "",
    ])
  }
  return table
}

/// The beginning of its thumbprint; who is on the board itself has none.
private func key(of entry: CBORValue) -> String {
  let thumbprint = entry[.holder]?.bytesValue ?? []
  return thumbprint.allSatisfy { $0 == 0 } ? "-" : Hexadecimal.text(Array(thumbprint.prefix(8)))
}
