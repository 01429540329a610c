import Basics
import Cgroups
import Images
import OCIRuntime

let listVerb = Verb(
  name: "list", operands: "", count: 0...0, help: "list the containers",
  options: [
    Option(name: "quiet", letter: "q", help: "their names only"),
    Option(name: "format", letter: "f", value: "table|json", help: "how (table)"),
  ]
) { command throws(Failure) in
  var rows = [["ID", "PID", "STATUS", "BUNDLE", "CREATED"]]
  var documents: [JSONValue] = []
  for id in command.states.ids() {
    // One that is being made, or that somebody removes meanwhile, is passed over.
    guard let record = try? command.states.record(id) else { continue }
    let status = command.status(record)
    rows.append([
      id, status == .stopped ? "0" : "\(record.process)", status.rawValue, record.bundle,
      CivilTime(seconds: record.createdSeconds).text,
    ])
    documents.append(record.state(status, annotations: []))
  }
  if command.arguments.has("quiet") {
    for row in rows.dropFirst() { Streams.write(row[0] + "\n") }
  } else if try command.isJSON() {
    Streams.write(JSONText.write(.array(documents)) + "\n")
  } else {
    Streams.write(table(rows))
  }
  return ExitCode.success
}

let psVerb = Verb(
  name: "ps", operands: "ID", count: 1...1, help: "list a container's processes",
  options: [Option(name: "format", letter: "f", value: "table|json", help: "how (table)")]
) { command throws(Failure) in
  let record = try command.states.record(command.id)
  let group = try command.group(record)
  let processes = try tellingOfGroups { () throws(CgroupError) in try group.processes() }
  if try command.isJSON() {
    Streams.write(JSONText.write(.array(processes.map { .number("\($0)") })) + "\n")
  } else {
    Streams.write(table([["PID"]] + processes.map { ["\($0)"] }))
  }
  return ExitCode.success
}

extension Command {
  fileprivate func isJSON() throws(Failure) -> Bool {
    let format = arguments.value("format") ?? "table"
    guard format == "table" || format == "json" else {
      throw Failure("--format: it must be table or json, not \(format)", exitCode: ExitCode.usage)
    }
    return format == "json"
  }
}

private func table(_ rows: [[String]]) -> String {
  var text = ""
  for row in rows {
    for (column, cell) in row.enumerated() {
      let width = rows.reduce(0) { max($0, $1[column].utf8.count) }
      let isLast = column == row.count - 1
      text += Streams.clean(cell) + (isLast ? "\n" : String(repeating: " ", count: width - cell.utf8.count + 2))
    }
  }
  return text
}
