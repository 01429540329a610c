/// The help texts, made from the tables of verbs and options.
enum Help {
  static func overview(_ verbs: [Verb]) -> String {
    var table: [(String, String)] = []
    for verb in verbs { table.append((verb.name, verb.summary)) }
    return """
      Usage: microctl [OPTIONS] COMMAND

      Runs and watches containers on this node, and finds what its neighbours offer, through the agent's socket.

      Commands:
      \(columns(table))
      Options:
      \(columns(globalOptions.map { ($0.usage, $0.help) }))
      Exit codes: 0 done; 1 the agent refused or failed; 2 the command line is wrong; 3 no agent is reachable.
      `microctl COMMAND --help` tells more about each.

      """
  }

  static func verb(_ verb: Verb) -> String {
    let options = verb.options + globalOptions.filter { $0.name != .version }
    return """
      Usage: microctl \(verb.name) [OPTIONS]\(verb.operands.isEmpty ? "" : " " + verb.operands)

      \(verb.summary)

      Options:
      \(columns(withoutHiddenLetters(options, verb)))\(verb.notes.isEmpty ? "" : "\n" + verb.notes)
      """
  }

  /// A letter of the verb's own takes precedence over the same letter of a global option.
  private static func withoutHiddenLetters(_ options: [Option], _ verb: Verb) -> [(String, String)] {
    options.map { option in
      let hidden = option.short != nil && verb.options.contains { $0.short == option.short && $0.name != option.name }
      return (hidden ? "    " + dropping(4, option.usage) : option.usage, option.help)
    }
  }

  private static func dropping(_ count: Int, _ text: String) -> String {
    String(decoding: text.utf8.dropFirst(count), as: UTF8.self)
  }

  private static func columns(_ rows: [(String, String)]) -> String {
    let width = rows.reduce(0) { max($0, $1.0.utf8.count) } + 2
    return rows.reduce("") { "\($0)  \(Text.padded($1.0, to: width))\($1.1)\n" }
  }
}
