/// AES-GCM (NIST SP 800-38D) with a tag of 16 bytes, which a library supplies. The length of the key says which AES.
public protocol GossipAEAD: AnyObject {
  /// The ciphertext and after it the tag.
  func seal(_ plaintext: [UInt8], key: [UInt8], nonce: [UInt8], additionalData: [UInt8]) -> [UInt8]
  /// The plaintext; nil if key, nonce, additional data, ciphertext and tag do not belong together.
  func open(
    _ sealed: ArraySlice<UInt8>, key: [UInt8], nonce: ArraySlice<UInt8>, additionalData: [UInt8]
  ) -> [UInt8]?
}

/// Seals and opens packets and streams with a cluster's keys.
///
/// We seal in version 1, as all peers that speak memberlist's protocol 2 do, and open version 0 too, which pads.
public struct GossipCipher {
  /// How many random bytes each sealing takes.
  public static let nonceBytes = 12
  /// By how much a sealed packet is longer.
  public static let overheadBytes = 1 + nonceBytes + tagBytes
  /// The most keys that a ring holds: each may have to be tried on each packet of a stranger.
  public static let maximumKeys = 8
  private static let tagBytes = 16
  private static let paddingBytes = 16

  private let keys: [[UInt8]]
  private let aead: any GossipAEAD

  /// `keys` of 16, 24 or 32 bytes each; the first one seals, and all are tried to open. Nil if there is none, one is of
  /// another length, or there are more than `maximumKeys`.
  public init?(keys: [[UInt8]], aead: any GossipAEAD) {
    guard !keys.isEmpty, keys.count <= Self.maximumKeys else { return nil }
    guard keys.allSatisfy({ Keyring.keyBytes.contains($0.count) }) else { return nil }
    self.keys = keys
    self.aead = aead
  }

  /// A packet as it is sent. `nonce` is `nonceBytes` long and used for nothing else, ever.
  public func sealPacket(_ packet: [UInt8], nonce: [UInt8]) -> [UInt8] {
    seal(packet, nonce: nonce, additionalData: [])
  }

  /// What a peer sealed into a packet.
  public func openPacket(_ packet: ArraySlice<UInt8>) throws(GossipError) -> [UInt8] {
    try open(packet, additionalData: [])
  }

  /// All that is said on a stream, as it is sent: one frame. `nonce` as with a packet.
  public func sealStream(_ content: [UInt8], nonce: [UInt8]) -> [UInt8] {
    let header = GossipFrame.header(contentBytes: UInt32(content.count + Self.overheadBytes))
    return header + seal(content, nonce: nonce, additionalData: header)
  }

  /// What a peer sealed into a frame; its header is authenticated too.
  func openFrame(header: [UInt8], content: ArraySlice<UInt8>) throws(GossipError) -> [UInt8] {
    try open(content, additionalData: header)
  }

  private func seal(_ plaintext: [UInt8], nonce: [UInt8], additionalData: [UInt8]) -> [UInt8] {
    precondition(nonce.count == Self.nonceBytes)
    return [1] + nonce + aead.seal(plaintext, key: keys[0], nonce: nonce, additionalData: additionalData)
  }

  private func open(_ sealed: ArraySlice<UInt8>, additionalData: [UInt8]) throws(GossipError) -> [UInt8] {
    guard let version = sealed.first, version <= 1 else { throw .notEncrypted }
    guard sealed.count >= Self.overheadBytes else { throw .undecryptable }
    let nonce = sealed.dropFirst().prefix(Self.nonceBytes)
    for key in keys {
      let content = aead.open(
        sealed.dropFirst(1 + Self.nonceBytes), key: key, nonce: nonce, additionalData: additionalData)
      if let content { return version == 0 ? try Self.unpadded(content) : content }
    }
    throw .undecryptable
  }

  /// Without the padding of PKCS #7 (RFC 5652 section 6.3).
  private static func unpadded(_ content: [UInt8]) throws(GossipError) -> [UInt8] {
    guard let last = content.last, last > 0, last <= paddingBytes, last <= content.count else {
      throw .undecryptable
    }
    return Array(content.dropLast(Int(last)))
  }
}
