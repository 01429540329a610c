import Basics
import Crypto
import LinuxSystem
import Microcloud

/// Which of several microclouds is meant.
let microcloudOption = Option(.microcloud, "microcloud", value: "NAME", "Which, where you have the keys of several")

let inviteVerb = Verb(
  name: "invite", operands: "KEY", summary: "Sign that the owner of a key is a member of your microcloud",
  leastOperands: 1, mostOperands: 1,
  options: [
    Option(
      .role, "role", value: "ROLE", choices: Credential.Role.allCases.map { $0.rawValue },
      "member, who leases and runs in its leases, or owner, who does everything (member)"),
    Option(.duration, "for", value: "TIME", "How long, as 30d (365d)"),
    microcloudOption,
    Option(.qr, "qr", "Also where this is no terminal: as a QR code, too, for a phone to carry"),
  ],
  notes: """
    KEY is what `microctl key` prints on the other person\'s machine. Send them the text that this prints, by any way:
    it is of use only with their key. They give it to `microctl accept`.

    """
) { session throws(Failure) in
  let subject = try publicKey(session.operand, verb: "invite")
  let reader = OptionReader(arguments: session.arguments, verb: "invite")
  var role = Credential.Role.member
  var seconds: UInt64 = 365 * 86_400
  try reader.read(.role, "--role", "member or owner", into: &role) { Credential.Role(rawValue: $0) }
  try reader.read(.duration, "--for", "a time, as 365d", into: &seconds) { TimeSpan.seconds($0) }
  let microcloud = try OwnMicrocloud.find(session.arguments.value(.microcloud))
  let (credential, token) = try microcloud.issue(
    to: subject, role, forSeconds: seconds, now: Clock.wallSeconds())
  let text = CredentialText.encode(token, .credential)
  if session.isJSON, case .map(var map) = value(of: credential) {
    map[text: "credential"] = .text(text)
    try session.output.json(.map(map))
  } else {
    try session.output.line(text)
    if session.arguments.has(.qr) || Output.isTerminal, let code = QRCode(Array(text.utf8)) {
      try session.output.write(code.terminalText)
    }
  }
  return ExitCode.success
}

/// The public key that an operand is.
func publicKey(_ text: String, verb: String) throws(Failure) -> P256.PublicKey {
  if let bytes = Hexadecimal.bytes(text.utf8), bytes.count == 33, let key = try? P256.PublicKey(bytes) { return key }
  throw Failure(.usage, "\(verb) \(text): it is no key: give what `microctl key` prints there")
}
