import Crypto

/// How one side shows that it holds its credential's key and heard what was said (Signature_or_MAC, RFC 9528 sections 5.3.2
/// and 5.4.2): with a MAC that only static Diffie-Hellman gives, or with a signature over one.
struct EDHOCProof {
  let isSignature: Bool
  let label: EDHOCSuite.Label
  /// C_R as it is sent, in message_2 only.
  let connection: [UInt8]
  /// The header map that identifies the credential.
  let identifier: [UInt8]
  /// The credential's item.
  let credential: [UInt8]
  let transcript: [UInt8]
  /// External authorization data, as they are sent.
  let items: [UInt8]

  static func message2(
    method: EDHOCMethod, connection: ConnectionIdentifier, identifier: CredentialIdentifier,
    credential: AuthenticationCredential, transcript: [UInt8], items: [UInt8]
  ) -> EDHOCProof {
    EDHOCProof(
      isSignature: method.isResponderSigning, label: .mac2, connection: connection.encoded,
      identifier: identifier.header,
      credential: credential.encoded, transcript: transcript, items: items)
  }

  static func message3(
    method: EDHOCMethod, identifier: CredentialIdentifier, credential: AuthenticationCredential, transcript: [UInt8],
    items: [UInt8]
  ) -> EDHOCProof {
    EDHOCProof(
      isSignature: method.isInitiatorSigning, label: .mac3, connection: [], identifier: identifier.header,
      credential: credential.encoded, transcript: transcript, items: items)
  }

  /// What the holder of `key` sends.
  func made(_ secret: Secret, key: P256.PrivateKey) throws(EDHOCError) -> [UInt8] {
    let mac = try mac(secret)
    guard isSignature else { return mac }
    do throws(CryptoError) {
      return try key.signature(of: signed(mac))
    } catch {
      throw .crypto(error)
    }
  }

  /// Takes what the other side sent for made by the holder of `key`, or throws.
  func verify(_ proof: [UInt8], _ secret: Secret, by key: P256.PublicKey) throws(EDHOCError) {
    let mac = try mac(secret)
    let isValid: Bool
    if isSignature {
      do throws(CryptoError) {
        isValid = try key.isValid(proof, of: signed(mac))
      } catch {
        throw .crypto(error)
      }
    } else {
      isValid = ConstantTime.areEqual(proof, mac)
    }
    if !isValid { throw .notAuthentic }
  }

  func mac(_ secret: Secret) throws(EDHOCError) -> [UInt8] {
    let count = isSignature ? EDHOCSuite.hashBytes : EDHOCSuite.macBytes
    return try EDHOCSuite.expand(secret, label, context: connection + identifier + said, count: count).bytes
  }

  /// What a signature is of.
  func signed(_ mac: [UInt8]) -> [UInt8] {
    COSESign1.message(protected: identifier, externalData: said, payload: mac)
  }

  private var said: [UInt8] { CBORValue.bytes(transcript).encoded + credential + items }
}
