import Basics
import Crypto
import LinuxSystem
import Microcloud

let acceptVerb = Verb(
  name: "accept", operands: "TEXT", summary: "Keep a credential that somebody has signed for your key",
  leastOperands: 1, mostOperands: nil, options: [],
  notes: """
    `microctl --node NODE` shows it to the nodes of its microcloud from then on. Whether the microcloud\'s key has signed
    it, those nodes will tell: it is not known here.

    """
) { session throws(Failure) in
  // Mail programs break lines, and shells make words of them.
  let text = Text.joined(session.arguments.operands, by: " ")
  guard let token = CredentialText.decode(Array(text.utf8), .credential) else {
    throw Failure(.refused, "accept: it is no credential, or was not copied whole: it begins with `credential:`")
  }
  let credential: Credential
  do throws(CredentialError) { credential = try Credential(unverified: token) } catch {
    throw Failure(.refused, "accept: \(error)")
  }
  guard credential.subject == (try OwnKey.load().publicKey) else {
    throw Failure(
      .refused, "accept: it is for another key than yours, which `microctl key` shows: ask for one for that")
  }
  let now = Clock.wallSeconds()
  guard !credential.isExpired(at: now) else {
    throw Failure(.refused, "accept: it has expired: ask for a new one, or set this machine\'s clock")
  }
  if try OwnMicrocloud.all().contains(where: {
    $0.name == credential.microcloud && (try? Credential(token, signedBy: $0.key.publicKey)) == nil
  }) {
    throw Failure(.refused, "accept: it is not signed with the key of microcloud \(credential.microcloud) that is here")
  }
  try KeptCredentials.keep(token, of: credential.microcloud)
  if session.isJSON {
    try session.output.json(value(of: credential))
  } else {
    let role = "\(credential.role == .owner ? "an" : "a") \(credential.role.rawValue)"
    try session.output.line(
      "you are \(role) of microcloud \(credential.microcloud); it ends \(remaining(of: credential, now: now))")
  }
  return ExitCode.success
}
