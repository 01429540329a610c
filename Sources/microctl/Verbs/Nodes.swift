import Basics
import MicroAgent
import Microcloud

let nodesVerb = Verb(
  name: "nodes", operands: "", summary: "List the nodes that this one knows of, the best neighbours first",
  leastOperands: 0, mostOperands: 0,
  options: [Option(.quiet, "quiet", alias: "names", short: "q", "Only their names, one a line")],
  notes: """
    QUALITY tells how much of the last seven days a node was there, and how near it is. What a node says of itself is
    a hint; nothing of it is proven.

    """
) { session throws(Failure) in
  let answer = try session.client.fetch(["nodes"])
  let nodes = answer[.nodes]?.arrayValue ?? []
  if session.isJSON {
    try session.output.json(answer)
    return ExitCode.success
  }
  if session.arguments.has(.quiet) {
    for node in nodes { try session.output.line(Text.clean(node[.name]?.textValue ?? "")) }
  } else {
    try session.output.write(table(ofNodes: nodes).text)
  }
  if answer[.isCut]?.boolValue == true {
    try session.output.flush()
    Output.complain("there are more nodes than these \(nodes.count)")
  }
  return ExitCode.success
}

func table(ofNodes nodes: [CBORValue]) -> Table {
  var table = Table(["NAME", "ADDRESS", "STATUS", "QUALITY", "MEMORY", "ISA", "SERVICES", "MICROCLOUD", "SEEN IN"])
  for node in nodes {
    table.add([
      Directory.text(node[.name]), Directory.text(node[.address]), status(of: node),
      Directory.percent(node[.quality]), node[.memoryFreeBytes]?.unsignedValue.map { ByteCount.short($0) } ?? "-",
      Directory.text(node[.isa]), node[.serviceCount]?.unsignedValue.map { "\($0)" } ?? "-",
      Directory.text(node[.microcloud]), Directory.sources(node[.sources]),
    ])
  }
  return table
}

private func status(of node: CBORValue) -> String {
  if node[.isAlive]?.boolValue == false { return "gone" }
  return node[.standing]?.textValue == "unclaimed" ? "alive, unclaimed" : "alive"
}

/// Cells of the tables that tell of other nodes.
enum Directory {
  /// Texts of strangers are cut after so many characters.
  static let textWidth = 40

  static func text(_ value: CBORValue?) -> String {
    guard let text = value?.textValue, !text.isEmpty else { return "-" }
    return Text.shortened(text, to: textWidth)
  }

  static func percent(_ value: CBORValue?) -> String {
    value?.unsignedValue.map { "\($0)%" } ?? "-"
  }

  static func sources(_ value: CBORValue?) -> String {
    Text.joined((value?.arrayValue ?? []).compactMap { $0.textValue }, by: ", ")
  }
}
