import Basics
import MicroAgent
import Microcloud

let offerVerb = Verb(
  name: "offer", operands: "", summary: "Show what this node gives to others, on what terms, and what is left of it",
  leastOperands: 0, mostOperands: 0, options: [],
  notes: "What is offered is set in the configuration file: see offer- and lease- in docs/CONFIGURATION.md.\n"
) { session throws(Failure) in
  let answer = try session.client.fetch(["offer"])
  if session.isJSON {
    try session.output.json(answer)
    return ExitCode.success
  }
  try session.output.write(table(ofOffer: answer).text)
  var rest = answer.mapValue ?? CBORMap()
  for key in [APIKey.offered, .leased, .left, .mostHeld] { rest[key] = nil }
  try session.output.line("")
  try session.output.write(Listing.text(of: .map(rest)))
  return ExitCode.success
}

let drainVerb = Verb(
  name: "drain", operands: "", summary: "Give no more leases, nor longer ones; those that there are go on",
  leastOperands: 0, mostOperands: 0, options: [Option(.off, "off", "Give leases again")],
  notes: "It is remembered until --off. Holders see it in their leases, and find another place in time.\n"
) { session throws(Failure) in
  _ = try session.client.request(session.arguments.has(.off) ? .delete : .post, ["drain"])
  if session.isJSON { try session.output.json(.null) }
  return ExitCode.success
}

func table(ofOffer offer: CBORValue) -> Table {
  var table = Table(["", "OFFERED", "LEASED", "LEFT", "ONE MAY HOLD"])
  let columns: [APIKey] = [.offered, .leased, .left, .mostHeld]
  let rows: [(String, APIKey)] = [
    ("memory", .memoryBytes), ("cpu", .cpuMillis), ("disk", .diskBytes), ("processes", .processes),
    ("containers", .containers),
  ]
  for (title, key) in rows {
    table.add([title] + columns.map { Amount.text(offer[$0]?[key]?.unsignedValue ?? 0, key) })
  }
  return table
}

/// Amounts of what a board has, for tables.
enum Amount {
  static func text(_ number: UInt64, _ key: APIKey) -> String {
    switch key {
    case .memoryBytes, .diskBytes: ByteCount.short(number)
    case .cpuMillis: "\(number / 10)%"
    default: "\(number)"
    }
  }
}
