import Basics
import Crypto
import LinuxSystem
import Microcloud

/// A microcloud whose key the person holds: in `microclouds/NAME` beside the own key are `key`, `issued`, a line for each
/// credential, and `revoked`, the newest list.
struct OwnMicrocloud {
  let name: String
  let key: P256.PrivateKey
  private let path: String

  /// A credential that was signed.
  struct Issued {
    let serial: UInt64
    let expires: UInt64
    /// The subject's key, compressed.
    let key: [UInt8]
  }

  private static let directory = "microclouds"

  /// Makes its key.
  static func create(_ name: String) throws(Failure) -> OwnMicrocloud {
    guard MicrocloudName.isValid(name) else {
      let advice = "use letters, digits and \'-\', at most \(MicrocloudName.maximumBytes)"
      throw Failure(.usage, "microcloud create \(name): \(advice)")
    }
    let path = try OwnFiles.directory(directory + "/" + name)
    if Files.exists(path + "/key") {
      throw Failure(.refused, "microcloud \(name): its key is there already: `microctl microcloud` shows it")
    }
    return try OwnMicrocloud(name, path)
  }

  /// All of them.
  static func all() throws(Failure) -> [OwnMicrocloud] {
    var found: [OwnMicrocloud] = []
    for name in try OwnFiles.names(in: directory) where MicrocloudName.isValid(name) {
      let path = try OwnFiles.directory() + "/\(directory)/\(name)"
      if Files.exists(path + "/key") { found.append(try OwnMicrocloud(name, path)) }
    }
    return found
  }

  /// The one of this name, or the only one that there is.
  static func find(_ name: String?) throws(Failure) -> OwnMicrocloud {
    let found = try all()
    if let name {
      if let one = found.first(where: { $0.name == name }) { return one }
      throw Failure(.refused, "microcloud \(name): its key is not here: who made it has it")
    }
    if found.count == 1 { return found[0] }
    throw Failure(
      .refused,
      found.isEmpty
        ? "you have no microcloud\'s key: make one with `microctl microcloud create NAME`"
        : "say which microcloud you mean: --microcloud NAME")
  }

  private init(_ name: String, _ path: String) throws(Failure) {
    self.name = name
    self.path = path
    key = try OwnKey.load(path: path + "/key")
  }

  // MARK: Credentials

  /// Signs a credential, once it is noted: no serial number is ever given twice.
  func issue(
    to subject: P256.PublicKey, _ role: Credential.Role, forSeconds duration: UInt64, now: UInt64
  ) throws(Failure) -> (credential: Credential, token: [UInt8]) {
    let serial = (try issued().map { $0.serial }.max() ?? 0) + 1
    let (expires, tooLong) = now.addingReportingOverflow(duration)
    guard !tooLong,
      let credential = Credential(
        microcloud: name, subject: subject, role: role, issued: now, expires: expires, serial: serial)
    else { throw Failure(.usage, "invite: --for: give a time, as 365d") }
    let line = "\(serial) \(expires) \(role.rawValue) \(Hexadecimal.text(subject.compressed))\n"
    try OwnFiles.replace(path + "/issued", (try OwnFiles.read(path + "/issued") ?? []) + Array(line.utf8))
    return (credential, try sign { (key) throws(CryptoError) in try credential.signed(by: key) })
  }

  /// What was signed so far.
  func issued() throws(Failure) -> [Issued] {
    let text = try OwnFiles.read(path + "/issued") ?? []
    return text.split(separator: ASCII.newline).compactMap { line in
      let words = line.split(separator: UInt8(ascii: " "))
      guard words.count == 4, let serial = Decimal.parse(words[0]), let expires = Decimal.parse(words[1]),
        let key = Hexadecimal.bytes(ASCII.string(words[3]).utf8)
      else { return nil }
      return Issued(serial: serial, expires: expires, key: key)
    }
  }

  // MARK: Revoked ones

  /// The newest list, as it was signed; nil: nothing was revoked.
  func revocations() throws(Failure) -> [UInt8]? { try OwnFiles.read(path + "/revoked") }

  /// What a list says, if it is of this microcloud.
  func list(_ encoded: [UInt8]) -> RevocationList? {
    guard let list = try? RevocationList(encoded, signedBy: key.publicKey), list.microcloud == name else { return nil }
    return list
  }

  /// Signs a newer list than `known`, with these added. What has expired is left out.
  func revoke(_ serials: [UInt64], after known: [RevocationList], now: UInt64) throws(Failure) -> [UInt8] {
    let expired = try issued().filter { $0.expires <= now }.map { $0.serial }
    let all = (known.flatMap { $0.serials } + serials).filter { !expired.contains($0) }
    let sequence = (known.map { $0.sequence }.max() ?? 0) + 1
    guard let list = RevocationList(microcloud: name, sequence: sequence, issued: now, serials: all) else {
      let most = RevocationList.maximumSerials
      throw Failure(.refused, "revoke: a list has at most \(most) credentials: wait until some have expired")
    }
    let encoded = try sign { (key) throws(CryptoError) in try list.signed(by: key) }
    try OwnFiles.replace(path + "/revoked", encoded)
    return encoded
  }

  private func sign(_ body: (P256.PrivateKey) throws(CryptoError) -> [UInt8]) throws(Failure) -> [UInt8] {
    do throws(CryptoError) { return try body(key) } catch {
      throw Failure(.refused, "sign with the key of microcloud \(name): \(error)")
    }
  }
}
