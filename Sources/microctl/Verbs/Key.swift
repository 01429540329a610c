import Basics
import Crypto
import Microcloud
import NodeSecurity

let keyVerb = Verb(
  name: "key", operands: "", summary: "Show your own public key, by which nodes know you; it is made at the first time",
  leastOperands: 0, mostOperands: 0, options: [],
  notes: """
    The line `owner = KEY` in a board's configuration makes it yours: `microctl --node NODE` then does there what you
    say. The private half stays in ~/.config/microagent/key; keep a copy of that file where you would keep a house key.

    """
) { session throws(Failure) in
  let key = try OwnKey.load().publicKey
  let text = Hexadecimal.text(key.compressed)
  if session.isJSON {
    var map = CBORMap()
    map[text: "key"] = .text(text)
    map[text: "fingerprint"] = (try? KeyFingerprint(of: key)).map { .text($0.description) }
    try session.output.json(.map(map))
  } else {
    try session.output.line(text)
  }
  return ExitCode.success
}
