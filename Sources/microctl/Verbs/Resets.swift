import LinuxSystem
import MicroAgent
import Microcloud

let resetsVerb = Verb(
  name: "resets", operands: "", summary: "Show how a board's last boots and agents ended", leastOperands: 0,
  mostOperands: 0, options: []
) { session throws(Failure) in
  let answer = try session.client.fetch(["resets"])
  if session.isJSON {
    try session.output.json(answer)
  } else {
    try session.output.write(table(ofResets: answer[.resets]?.arrayValue ?? []).text)
  }
  return ExitCode.success
}

private func table(ofResets entries: [CBORValue]) -> Table {
  let now = Clock.wallSeconds()
  var table = Table(["BOOT", "ENDED", "RAN", "AGO"])
  for entry in entries {
    table.add([
      "\(entry[.number]?.unsignedValue ?? 0)", entry[.reason]?.textValue ?? "",
      entry[.uptimeSeconds]?.unsignedValue.map { Duration.short(seconds: $0) } ?? "-",
      ago(entry[.atSeconds]?.unsignedValue ?? 0, now: now),
    ])
  }
  return table
}

/// Many boards have no clock that goes on without power, and begin in 1970 until they are told.
private func ago(_ seconds: UInt64, now: UInt64) -> String {
  let year2020: UInt64 = 1_577_836_800
  return seconds < year2020 ? "-" : Duration.since(seconds, now: now)
}
