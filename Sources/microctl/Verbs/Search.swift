import MicroAgent
import Microcloud

let searchVerb = Verb(
  name: "search", operands: "[TYPE|TEXT]", summary: "Search what the neighbours offer; without a text, list all of it",
  leastOperands: 0, mostOperands: 1,
  options: [
    Option(
      .of, "of", value: "NODE", choicesCommand: "nodes --names",
      "Ask this node itself for all that it offers: others tell only what has room in gossip")
  ],
  notes: """
    Found is what has the text anywhere in what is said of it, or in its node's name, in letters of any size; what is of
    exactly that type, as ssh, comes first, then what better neighbours offer. What nodes say is not proven.

    """
) { session throws(Failure) in
  let query = session.arguments.operands.map { "text=\($0)" }
  let node = session.arguments.value(.of)
  if node == "" { throw Failure(.usage, "search: --of: an empty name names nothing") }
  let answer = try session.client.fetch(node.map { ["nodes", $0, "publications"] } ?? ["services"], query: query)
  if session.isJSON {
    try session.output.json(answer)
    return ExitCode.success
  }
  let services = answer[.services]?.arrayValue ?? []
  try session.output.write(table(ofServices: services).text)
  try session.output.flush()
  if answer[.isCut]?.boolValue == true {
    Output.complain("there are more services than these \(services.count): search for a text that fewer of them have")
  }
  if let broken = answer[.brokenTags]?.unsignedValue, broken > 0 {
    Output.complain("\(broken) node\(broken == 1 ? " says" : "s say") what cannot be read, and may offer more")
  }
  return ExitCode.success
}

func table(ofServices services: [CBORValue]) -> Table {
  var table = Table(["TYPE", "DESCRIPTION", "ADDRESS", "NODE", "QUALITY", "MICROCLOUD", "SEEN IN"])
  for service in services {
    table.add([
      Directory.text(service[.type]), Directory.text(service[.description]), endpoint(of: service),
      Directory.text(service[.node]), Directory.percent(service[.quality]), Directory.text(service[.microcloud]),
      Directory.sources(service[.sources]),
    ])
  }
  return table
}

/// Where it is reached: `10.1.2.3:80`, `[2001:db8::1]:80`; by its host's name where it gives no address.
private func endpoint(of service: CBORValue) -> String {
  let address = Directory.text(service[.address] ?? service[.host])
  guard let port = service[.port]?.unsignedValue else { return address }
  return address.utf8.contains(UInt8(ascii: ":")) ? "[\(address)]:\(port)" : "\(address):\(port)"
}
