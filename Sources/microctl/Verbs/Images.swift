import Basics
import LinuxSystem
import MicroAgent
import Microcloud

let imagesVerb = Verb(
  name: "images", operands: "[NAME[:TAG]]", summary: "List the images of this node, or show one whole",
  leastOperands: 0,
  mostOperands: 1, options: [Option(.quiet, "quiet", alias: "names", short: "q", "Only their names, one a line")]
) { session throws(Failure) in
  let operand = session.arguments.operands.first
  let answer = try session.client.fetch(["images"] + (operand.map { [ImageName.complete($0)] } ?? []))
  if session.isJSON {
    try session.output.json(answer)
  } else if operand != nil {
    try session.output.write(Listing.text(of: answer))
  } else if session.arguments.has(.quiet) {
    for image in answer.arrayValue ?? [] {
      if let name = image[.name]?.textValue, !name.isEmpty { try session.output.line(Text.clean(name)) }
    }
  } else {
    try session.output.write(table(ofImages: answer.arrayValue ?? [], now: Clock.wallSeconds()).text)
  }
  return ExitCode.success
}

let rmiVerb = Verb(
  name: "rmi", operands: "NAME[:TAG] [NAME[:TAG]...]", summary: "Remove images that no container was made of",
  leastOperands: 1, mostOperands: nil, options: [],
  notes: "Images that nobody uses go by themselves when their room is needed, the one used least lately first.\n"
) { session throws(Failure) in
  try forEachOperand(session) { (name) throws(Failure) in
    _ = try session.client.request(.delete, ["images", ImageName.complete(name)])
  }
}

/// The first digits of a digest are enough for a table.
private let digestBytes = 6

func table(ofImages images: [CBORValue], now: UInt64) -> Table {
  var table = Table(["NAME", "ID", "CREATED", "SIZE", "CONTAINERS"])
  for image in images {
    let name = image[.name]?.textValue ?? ""
    table.add([
      name.isEmpty ? "-" : name, Hexadecimal.text(Array((image[.manifest]?.bytesValue ?? []).prefix(digestBytes))),
      "\(Duration.since(image[.createdSeconds]?.unsignedValue ?? 0, now: now)) ago",
      ByteCount.short(image[.sizeBytes]?.unsignedValue ?? 0), "\(image[.usedBy]?.arrayValue?.count ?? 0)",
    ])
  }
  return table
}
