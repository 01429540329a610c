import Basics
import Crypto
import LinuxSystem
import Microcloud

let microcloudVerb = Verb(
  name: "microcloud", operands: "[create NAME]",
  summary: "Make a microcloud\'s key, with which you say who its members are; without one, list your microclouds",
  leastOperands: 0, mostOperands: 2, options: [],
  notes: """
    It prints the line `microcloud-key = KEY` for the configuration of the boards: they then know those whom you
    `microctl invite`. The private half stays in ~/.config/microagent/microclouds/NAME; keep a copy of that directory
    where you would keep a house key.

    """
) { session throws(Failure) in
  let operands = session.arguments.operands
  if operands.isEmpty {
    try list(session)
  } else if operands.count == 2, operands[0] == "create" {
    let made = try OwnMicrocloud.create(operands[1])
    if session.isJSON { try session.output.json(value(of: made)) } else { try session.output.line(setting(of: made)) }
  } else {
    throw Failure(.usage, "microcloud \(operands[0]): write `microctl microcloud create NAME`")
  }
  return ExitCode.success
}

private func setting(of microcloud: OwnMicrocloud) -> String {
  "microcloud-key = \(Hexadecimal.text(microcloud.key.publicKey.compressed))"
}

private func value(of microcloud: OwnMicrocloud) -> CBORValue {
  var map = CBORMap()
  map[text: "microcloud"] = .text(microcloud.name)
  map[text: "key"] = .text(Hexadecimal.text(microcloud.key.publicKey.compressed))
  return .map(map)
}

/// Those whose key is here, and those that have given a credential.
private func list(_ session: Session) throws(Failure) {
  let own = try OwnMicrocloud.all()
  let now = Clock.wallSeconds()
  var values = own.map(value(of:))
  var table = Table(["MICROCLOUD", "YOU ARE", "UNTIL", "KEY"])
  for one in own { table.add([one.name, "its key\'s holder", "-", Hexadecimal.text(one.key.publicKey.compressed)]) }
  for name in try KeptCredentials.microclouds() {
    guard let token = try KeptCredentials.token(of: name), let credential = try? Credential(unverified: token) else {
      continue
    }
    values.append(value(of: credential))
    table.add([name, credential.role.rawValue, remaining(of: credential, now: now), "-"])
  }
  if session.isJSON { try session.output.json(.array(values)) } else { try session.output.write(table.text) }
}

/// What a credential says, for programs.
func value(of credential: Credential) -> CBORValue {
  var map = CBORMap()
  map[text: "microcloud"] = .text(credential.microcloud)
  map[text: "role"] = .text(credential.role.rawValue)
  map[text: "serial"] = .unsigned(credential.serial)
  map[text: "issuedSeconds"] = .unsigned(credential.issued)
  map[text: "expiresSeconds"] = .unsigned(credential.expires)
  return .map(map)
}

/// `in 364d`, or `expired`.
func remaining(of credential: Credential, now: UInt64) -> String {
  credential.isExpired(at: now) ? "expired" : "in \(Duration.short(seconds: credential.expires - now))"
}
