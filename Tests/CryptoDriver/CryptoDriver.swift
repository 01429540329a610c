// A program for tests: the checks and the costs of the cryptographic library on whatever processor runs it.
//
//   crypto-driver vectors FILE...
//   crypto-driver OPERATION TIMES     gcm-seal, gcm-open, ccm-seal, ccm-open, sha256 (of 1400 bytes each), hkdf, generate,
//                                     decompress, ecdh, sign, verify, or nothing, which is what the program itself costs
//   crypto-driver node-key DIRECTORY  the fingerprint of the node whose state this is, made if it is new
//   crypto-driver forget 0            uses keys, forgets them, prints them in disguise (each byte with `disguise`), and
//                                     waits for the end of its input
import Basics
import CSystem
import Crypto
import CryptoChecks
import LinuxSystem
import NodeSecurity

private func say(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  _ = bytes.withUnsafeBytes { system_write(1, $0.baseAddress, $0.count) }
}

/// True if all vectors of a file are right.
private func check(_ path: String) -> Bool {
  do throws(SystemError) {
    let outcome = VectorFile.run(try Files.read(path, limitBytes: 4 << 20))
    for failure in outcome.failures { say("\(path): \(failure)") }
    say("\(path): \(outcome.vectors) vectors, \(outcome.failures.count) wrong")
    return outcome.vectors > 0 && outcome.failures.isEmpty
  } catch {
    say("\(error)")
    return false
  }
}

/// Does something so many times; false if there is no such operation.
private func perform(_ operation: String, times: UInt64) throws(CryptoError) -> Bool {
  let message = [UInt8](repeating: 7, count: 1400)
  let short = [UInt8](repeating: 7, count: 16)
  let nonce = [UInt8](repeating: 1, count: 13)
  let gcm = try AESGCM(key: short)
  let ccm = try AESCCM(key: short, tag: .short)
  let key = try P256.PrivateKey(scalar: Secret([UInt8](repeating: 7, count: P256.fieldBytes)))
  let signature = try key.signature(of: short)
  let gcmSealed = try gcm.seal(message[...], nonce: short, additionalData: [])
  let ccmSealed = try ccm.seal(message[...], nonce: nonce, additionalData: [])
  for _ in 0..<times {
    switch operation {
    case "nothing": break
    case "gcm-key": _ = try AESGCM(key: short)
    case "gcm-seal": _ = try gcm.seal(message[...], nonce: short, additionalData: [])
    case "gcm-open": _ = try gcm.open(gcmSealed[...], nonce: short, additionalData: [])
    case "ccm-seal": _ = try ccm.seal(message[...], nonce: nonce, additionalData: [])
    case "ccm-open": _ = try ccm.open(ccmSealed[...], nonce: nonce, additionalData: [])
    case "sha256": _ = try SHA256.hash(message)
    case "hkdf": _ = try HKDF.expand(HKDF.extract(salt: short, input: key.scalar), info: short, count: 32)
    case "generate": _ = try P256.PrivateKey.generate()
    case "decompress": _ = try P256.PublicKey(key.publicKey.compressed)
    case "ecdh": _ = try key.sharedSecret(with: key.publicKey)
    case "sign": _ = try key.signature(of: short)
    case "verify": _ = try key.publicKey.isValid(signature, of: short)
    default: return false
    }
  }
  return true
}

private func fingerprint(stateDirectory: String) -> String? {
  do throws(NodeKeyError) {
    let key = try NodeKeyFile.load(stateDirectory: stateDirectory)
    return (try? KeyFingerprint(of: key.publicKey)).map { "\($0) \($0.short)" }
  } catch {
    say("\(error)")
    return nil
  }
}

private let disguise: UInt8 = 0x5A

/// Has each kind of secret used, and returns them in disguise.
private func useSecrets() throws(CryptoError) -> [String] {
  let key = try P256.PrivateKey.generate()
  let shared = try key.sharedSecret(with: P256.PrivateKey.generate().publicKey)
  _ = try key.signature(of: [1, 2, 3])
  let derived = try HKDF.expand(HKDF.extract(salt: [], input: shared), info: [], count: 32)
  let cipherKey = Secret(copying: derived.bytes[..<16])
  let nonce = [UInt8](repeating: 1, count: AESCCM.nonceBytes)
  _ = try AESCCM(key: cipherKey.bytes, tag: .short).seal([1], nonce: nonce, additionalData: [])
  _ = try AESGCM(key: derived.bytes).seal([1], nonce: nonce, additionalData: [])
  return [key.scalar, shared, derived].map { Hexadecimal.text($0.bytes.map { $0 ^ disguise }) }
}

private func forget() throws(CryptoError) {
  for secret in try useSecrets() { say(secret) }
  var byte: UInt8 = 0
  while system_read(0, &byte, 1) > 0 {}
}

private func run(_ words: [String]) -> CInt {
  guard words.count >= 3 else { return 2 }
  if words[1] == "vectors" {
    var isRight = true
    for path in words[2...] { isRight = check(path) && isRight }
    return isRight ? 0 : 1
  }
  if words[1] == "node-key" {
    guard let fingerprint = fingerprint(stateDirectory: words[2]) else { return 1 }
    say(fingerprint)
    return 0
  }
  guard let times = Decimal.parse(words[2]) else { return 2 }
  do throws(CryptoError) {
    let started = Clock.now()
    if words[1] == "forget" {
      try forget()
      return 0
    }
    guard try perform(words[1], times: times) else { return 2 }
    let microseconds = (Clock.now().nanoseconds - started.nanoseconds) / 1000
    say("\(words[1]) \(times) times: \(microseconds) microseconds")
    return 0
  } catch {
    say("\(words[1]): \(error)")
    return 1
  }
}

// Where the program starts: SwiftPM tells the linker that `main` is `<module>_main`, on the host and on boards alike.
@_cdecl("crypto_driver_main")
func programMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  run((0..<Int(count)).map { arguments[$0].map { String(cString: $0) } ?? "" })
}
