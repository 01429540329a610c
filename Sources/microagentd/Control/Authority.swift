import Crypto
import MicroAgent
import Microcloud
import NodeSecurity

/// What keys from elsewhere are to this node: the one place that makes principals of them. It is given the clock, and what
/// was kept, and has neither.
struct Authority {
  /// Who was admitted, and on what.
  struct Admission: Equatable {
    let principal: Principal
    /// Nil: its key alone is enough, as it is the owner's.
    let credential: Credential?
    /// What it has proven to have; nil: it is on this machine.
    var key: P256.PublicKey?
  }

  /// Why somebody is not.
  enum Refusal: Error, Equatable {
    /// It is not the owner's, and shows no credential, or the node knows no microcloud's key.
    case unknownKey
    case credential(CredentialError)
    case otherMicrocloud
    case expired
    case revoked
  }

  private let owner: P256.PublicKey?
  private let microcloudKey: P256.PublicKey?
  /// Nil: whatever the microcloud is called.
  private let microcloud: String?
  /// The newest list, and as it was signed.
  private(set) var revocations: (list: RevocationList, encoded: [UInt8])?
  /// The latest `issued` of all that the microcloud's key signed.
  private(set) var latestIssued: UInt64 = 0

  /// - Parameter settings: whose the board is.
  init(_ settings: NodeSettings) {
    owner = settings.owner
    microcloudKey = settings.microcloudKey
    microcloud = settings.microcloudName
  }

  // MARK: Who somebody is

  /// Who the bearer of a credential is, once it has proven to be its bearer.
  ///
  /// - Parameters:
  ///   - clockSeconds: what the board's clock shows, be it set or not.
  ///   - isClaimable: anybody may come now, and claim the board.
  mutating func admit(
    _ shown: AuthenticationCredential, clockSeconds: UInt64, isClaimable: Bool = false
  ) throws(Refusal) -> Admission {
    guard let key = try? KeyFingerprint(of: shown.publicKey) else { throw .credential(.crypto(.wrongLength)) }
    func admission(as role: Principal.Role, on credential: Credential? = nil) -> Admission {
      let principal = Principal(thumbprint: key.thumbprint, role: role)
      return Admission(principal: principal, credential: credential, key: shown.publicKey)
    }
    if shown.publicKey == owner { return admission(as: .owner) }
    guard let microcloudKey, shown.isToken else {
      if isClaimable { return admission(as: .public) }
      throw .unknownKey
    }
    let credential: Credential
    do throws(CredentialError) {
      credential = try Credential(shown.encoded, signedBy: microcloudKey)
    } catch {
      throw .credential(error)
    }
    if let microcloud, credential.microcloud != microcloud { throw .otherMicrocloud }
    latestIssued = max(latestIssued, credential.issued)
    if let refusal = refusal(of: credential, clockSeconds: clockSeconds) { throw refusal }
    return admission(as: credential.role == .owner ? .owner : .member, on: credential)
  }

  /// Why one who was admitted may do no more; nil: it may go on.
  func refusal(of admission: Admission, clockSeconds: UInt64) -> Refusal? {
    admission.credential.flatMap { refusal(of: $0, clockSeconds: clockSeconds) }
  }

  private func refusal(of credential: Credential, clockSeconds: UInt64) -> Refusal? {
    if credential.isExpired(at: max(clockSeconds, latestIssued)) { return .expired }
    return revocations?.list.revokes(credential) == true ? .revoked : nil
  }

  // MARK: Who is it no more

  /// Takes a list that the microcloud signed, whoever brings it: the signature is the proof.
  ///
  /// - Returns: whether it is news.
  mutating func take(revocations encoded: [UInt8]) throws(RequestError) -> Bool {
    guard let microcloudKey else {
      throw RequestError(.conflict, "revocations: this node has no microcloud-key in its configuration: set it first")
    }
    let list: RevocationList
    do throws(CredentialError) {
      list = try RevocationList(encoded, signedBy: microcloudKey)
    } catch {
      throw RequestError(.forbidden, "revocations: \(error)")
    }
    if let microcloud, list.microcloud != microcloud {
      throw RequestError(.forbidden, "revocations: the list is of another microcloud than \(microcloud)")
    }
    if let known = revocations?.list {
      if known == list { return false }
      guard list.supersedes(known) else {
        let newest = "the node has number \(known.sequence) of microcloud \(known.microcloud)"
        throw RequestError(.conflict, "revocations: \(newest): give a list with a higher one")
      }
    }
    latestIssued = max(latestIssued, list.issued)
    revocations = (list, encoded)
    return true
  }

  // MARK: What is kept

  /// The latest time, and whose it is: for the store.
  var keptTime: [UInt8] {
    CBORValue.array([.bytes(microcloudKey?.compressed ?? []), .unsigned(latestIssued)]).encoded
  }

  /// Goes on with what was kept: nothing of it counts for another microcloud's key.
  mutating func restore(revocations: [UInt8]?, time: [UInt8]?) {
    if let revocations { _ = try? take(revocations: revocations) }
    guard let microcloudKey, let fields = time.flatMap({ try? CBORDecoder.decode($0).arrayValue }), fields.count == 2,
      fields[0].bytesValue == microcloudKey.compressed, let seconds = fields[1].unsignedValue
    else { return }
    latestIssued = max(latestIssued, seconds)
  }
}

extension Authority.Refusal: CustomStringConvertible {
  /// What the one who is refused is told.
  var description: String {
    switch self {
    case .unknownKey: "its key is not known here"
    case .credential(let error): "\(error)"
    case .otherMicrocloud: "credential: it is of another microcloud than this node is in"
    case .expired: "credential: it has expired: ask for a new one"
    case .revoked: "credential: the microcloud has revoked it: ask its owner"
    }
  }

  /// How EDHOC ends with it.
  var error: EDHOCError { self == .unknownKey ? .refused : .notAdmitted(description) }
}
