// Many agents in one process, under virtual time: docs/TESTING.md.

private let usage = """
  usage: microsim run --seeds A..B [--nodes N] [--topology T]
         microsim replay SEED|FILE... [--nodes N] [--topology T] [--history no]
         microsim curve [--nodes 10,100,1000] [--topology T] [--seed S]
         microsim crowd [--nodes 10000] [--seconds 120] [--topology T] [--seed S]

  Topologies: flat, chain, stars, islands.

  """

// Where the program starts: see microctl.
@_cdecl("microsim_main")
func programMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  var texts: [String] = []
  for index in 1..<max(1, Int(count)) {
    if let text = arguments[index] { texts.append(String(cString: text)) }
  }
  do throws(Complaint) { return try perform(texts) } catch {
    Output.complain(error.text)
    return 2
  }
}

private func perform(_ texts: [String]) throws(Complaint) -> CInt {
  guard let verb = texts.first, let arguments = Arguments(texts.dropFirst()) else {
    Output.say(usage)
    return 2
  }
  func check(_ known: Set<String>) throws(Complaint) {
    let unknown = arguments.names.subtracting(known).sorted()
    if let first = unknown.first { throw Complaint("no option --\(first) here") }
  }
  switch verb {
  case "run":
    try check(RunVerb.options)
    return try RunVerb.perform(arguments)
  case "replay":
    try check(ReplayVerb.options)
    return try ReplayVerb.perform(arguments)
  case "curve":
    try check(CurveVerb.options)
    return try CurveVerb.perform(arguments)
  case "crowd":
    try check(CrowdVerb.options)
    return try CrowdVerb.perform(arguments)
  case "help":
    Output.say(usage)
    return 0
  default: throw Complaint("no command \(verb); `microsim help` lists them")
  }
}
