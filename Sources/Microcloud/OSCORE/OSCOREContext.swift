import Basics
import Crypto

/// A security context (RFC 8613 section 3): what two nodes that share a secret protect their messages with, by
/// AES-CCM-16-64-128 and HKDF with SHA-256.
///
/// It lives in memory only. A restart needs a new secret, as EDHOC makes: the numbers of a context that came back to life
/// would be used twice.
public final class OSCOREContext {
  /// COSE's number of AES-CCM-16-64-128.
  static let algorithm: UInt8 = 10
  /// The longest ID Context, as a request can carry it.
  public static let maximumIDContextBytes = OSCOREOption.maximumKidContextBytes

  /// What our messages say they are made with.
  public let senderID: OSCOREIdentifier
  /// What we find this context by when a request comes.
  public let recipientID: OSCOREIdentifier
  /// Sent with each request if there is one.
  public let idContext: [UInt8]?
  /// Whose context it is; a number that what is above gives a meaning to.
  public let principal: UInt32

  /// Our key and after it the peer's.
  private let keys: Secret
  /// The Common IV: eight bytes, and five.
  private let ivHead: UInt64
  private let ivTail: UInt64
  /// The keys' schedules while they are at hand.
  private var sealing: AESCCM?
  private var opening: AESCCM?

  /// The number of our next message.
  private(set) var senderSequence: UInt64 = 0
  private var window = OSCOREReplayWindow()

  // What `OSCOREContexts` keeps of it.

  /// Whom it was made with, where that is known.
  var peer: SocketAddress?
  /// Its number there.
  var number: UInt64 = 0
  /// When it was last used, as a count of uses.
  var usedAt: UInt64 = 0
  /// How many requests under way, ours and others', need it.
  var uses = 0
  /// It may have its keys' schedules at hand.
  var isScheduled = false

  /// Derives a context (section 3.2).
  ///
  /// - Parameters:
  ///   - masterSecret: what nobody but the two nodes knows.
  ///   - senderID: ours, which the peer has chosen or was told; it differs from `recipientID`.
  public init(
    masterSecret: Secret, masterSalt: [UInt8], senderID: OSCOREIdentifier, recipientID: OSCOREIdentifier,
    idContext: [UInt8]? = nil, principal: UInt32 = 0
  ) throws(OSCOREError) {
    guard senderID != recipientID, idContext?.count ?? 0 <= Self.maximumIDContextBytes else {
      throw .invalidIdentifier
    }
    let derivation = try OSCOREDerivation(masterSecret: masterSecret, masterSalt: masterSalt, idContext: idContext)
    let ours = try derivation.key(of: senderID)
    let theirs = try derivation.key(of: recipientID)
    let iv = try derivation.commonIV()
    keys = Secret(ours.bytes + theirs.bytes)
    (ivHead, ivTail) = (Self.number(iv.bytes.prefix(8)), Self.number(iv.bytes.dropFirst(8)))
    (self.senderID, self.recipientID) = (senderID, recipientID)
    (self.idContext, self.principal) = (idContext, principal)
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    var number: UInt64 = 0
    for byte in bytes { number = number << 8 | UInt64(byte) }
    return number
  }

  // MARK: Numbers

  /// The number of one message, never to be had again.
  func takeSequence() throws(OSCOREError) -> UInt64 {
    guard senderSequence <= OSCOREOption.maximumPartialIV else { throw .exhausted }
    defer { senderSequence += 1 }
    return senderSequence
  }

  /// Goes on from a number, as the RFC's vectors do.
  func skip(to sequence: UInt64) { senderSequence = max(senderSequence, sequence) }

  func isNew(_ partialIV: UInt64) -> Bool { window.isNew(partialIV) }
  func note(_ partialIV: UInt64) { window.note(partialIV) }

  // MARK: Sealing and opening

  /// Whether the keys' schedules are at hand; without them they are made when they are needed.
  var hasSchedules: Bool { sealing != nil || opening != nil }

  /// Lets go of the schedules, which take most of a context's memory.
  func dropSchedules() {
    sealing = nil
    opening = nil
  }

  /// Makes a plaintext a ciphertext.
  func seal(
    _ text: inout [UInt8], _ id: OSCOREIdentifier, _ partialIV: UInt64, additionalData: OSCOREAdditionalData
  ) throws(OSCOREError) {
    do throws(CryptoError) {
      if sealing == nil { sealing = try Self.cipher(keys.bytes[..<AESCCM.keyBytes]) }
      try sealing!.seal(
        inPlace: &text, nonce: nonce(id, partialIV),
        additionalData: additionalData.bytes.span.extracting(..<additionalData.count))
    } catch {
      throw error == .wrongLength ? .tooLarge : .failed(error)
    }
  }

  func open(
    _ ciphertext: [UInt8], _ id: OSCOREIdentifier, _ partialIV: UInt64, additionalData: OSCOREAdditionalData
  ) throws(OSCOREError) -> [UInt8] {
    do throws(CryptoError) {
      if opening == nil { opening = try Self.cipher(keys.bytes[AESCCM.keyBytes...]) }
      return try opening!.open(
        ciphertext[...], nonce: nonce(id, partialIV),
        additionalData: additionalData.bytes.span.extracting(..<additionalData.count))
    } catch {
      throw error == .notAuthentic || error == .wrongLength ? .notAuthentic : .failed(error)
    }
  }

  private static func cipher(_ key: ArraySlice<UInt8>) throws(CryptoError) -> AESCCM {
    let copy = Secret(copying: key)
    return try AESCCM(key: copy.bytes, tag: .short)
  }

  /// Section 5.2: of who made the Partial IV, and the Partial IV.
  func nonce(_ id: OSCOREIdentifier, _ partialIV: UInt64) -> AESCCM.Nonce {
    AESCCM.Nonce(id.packed ^ ivHead, partialIV ^ ivTail)
  }
}
