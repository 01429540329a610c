import OCIRuntime

let helpOption = Option(name: "help", letter: "h", help: "print this and end")

let versionText = "microrun version \(MicrorunVersion.text)\nspec: \(OCIVersion.text)\n"

enum MicrorunVersion {
  static let text = "0.1.0"
}

enum Help {
  static func overview(_ verbs: [Verb]) -> String {
    "Usage: microrun [OPTION...] COMMAND [OPTION...] [OPERAND...]\n\nAn OCI runtime: docs/MICRORUN.md.\n\n"
      + columns(verbs.map { ("\($0.name) \($0.operands)", $0.help) }) + "\n"
      + columns(globalOptions.map { ($0.usage, $0.help) })
  }

  static func verb(_ verb: Verb) -> String {
    "Usage: microrun \(verb.name) [OPTION...] \(verb.operands)\n\n\(verb.help)\n\n"
      + columns((verb.options + [helpOption]).map { ($0.usage, $0.help) })
  }

  private static func columns(_ rows: [(String, String)]) -> String {
    let width = rows.reduce(0) { max($0, $1.0.utf8.count) } + 2
    return rows.reduce("") {
      "\($0)  \($1.0)\(String(repeating: " ", count: width - $1.0.utf8.count))\($1.1)\n"
    }
  }
}

extension Option {
  var usage: String {
    (letter.isEmpty ? "    " : "-\(letter), ") + "--\(name)" + (value.map { " \($0)" } ?? "")
  }
}
