import MicroAgent
import Microcloud

let publishVerb = Verb(
  name: "publish", operands: "[TYPE:PORT[:DESCRIPTION]]",
  summary: "Offer a service of this node to the neighbours; without one, list what is offered", leastOperands: 0,
  mostOperands: 1,
  options: [Option(.quiet, "quiet", alias: "names", short: "q", "Only their names, one a line")],
  notes: """
    It is for what runs beside the containers, as `microctl publish http:80:Our library`; what a container offers is
    said when it is made, with --publish of `microctl run`. TYPE is a service name, as http or ssh; Cloudy shows http
    and https as something that a browser can open.

    """
) { session throws(Failure) in
  guard let text = session.arguments.operands.first else {
    try list(session)
    return ExitCode.success
  }
  let publication: Publication
  do throws(RequestError) { publication = try Publication(text: text) } catch {
    throw Failure(.usage, "publish: \(error.description)")
  }
  let answer = try session.client.request(.post, ["publications"], payload: publication.value)
  if session.isJSON {
    try session.output.json(answer)
  } else {
    try session.output.line(Text.clean(answer[.name]?.textValue ?? publication.name))
  }
  return ExitCode.success
}

let unpublishVerb = Verb(
  name: "unpublish", operands: "TYPE:PORT [TYPE:PORT...]", summary: "Withdraw what `microctl publish` offered",
  leastOperands: 1, mostOperands: nil, options: [],
  notes: "What a container offers is withdrawn when it ends.\n"
) { session throws(Failure) in
  try forEachOperand(session) { (name) throws(Failure) in
    _ = try session.client.request(.delete, ["publications", name])
  }
}

private func list(_ session: Session) throws(Failure) {
  let answer = try session.client.fetch(["publications"])
  let publications = answer.arrayValue ?? []
  if session.arguments.has(.quiet) {
    for publication in publications { try session.output.line(Text.clean(name(of: publication))) }
  } else if session.isJSON {
    try session.output.json(answer)
  } else {
    try session.output.write(table(ofPublications: publications).text)
  }
}

func table(ofPublications publications: [CBORValue]) -> Table {
  var table = Table(["NAME", "DESCRIPTION", "CONTAINER", "ANNOUNCED"])
  for publication in publications {
    table.add([
      name(of: publication), publication[.description]?.textValue ?? "-", publication[.container]?.textValue ?? "-",
      publication[.announced]?.textValue ?? "-",
    ])
  }
  return table
}

/// `http:8080`, as `unpublish` takes it.
private func name(of publication: CBORValue) -> String {
  "\(publication[.type]?.textValue ?? ""):\(publication[.port]?.unsignedValue ?? 0)"
}
