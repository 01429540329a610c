import Crypto

/// Why a credential or a list of revoked ones is not taken.
public enum CredentialError: Error, Equatable, Sendable, CustomStringConvertible {
  case malformed
  /// Not with the microcloud's key, or changed since.
  case notSigned
  case crypto(CryptoError)

  public var description: String {
    switch self {
    case .malformed: "credential: it is damaged, or of a kind that this version does not know; ask for it again"
    case .notSigned: "credential: it was not signed with this microcloud's key, or was changed since"
    case .crypto(let error): "credential: \(error)"
    }
  }
}

/// A map that somebody signed.
enum SignedContent {
  /// The map, if the holder of `key` signed it; nothing unsigned may stand beside it.
  static func read(
    _ bytes: [UInt8], signedBy key: P256.PublicKey, externalData: [UInt8]
  ) throws(CredentialError) -> CBORMap {
    let (signed, content) = try read(bytes)
    let isSigned: Bool
    do throws(CryptoError) {
      isSigned = try signed.isSigned(by: key, externalData: externalData)
    } catch {
      throw .crypto(error)
    }
    guard isSigned else { throw .notSigned }
    return content
  }

  /// The same, whoever signed it.
  static func read(_ bytes: [UInt8]) throws(CredentialError) -> (signed: COSESign1, content: CBORMap) {
    let value = try item(bytes)
    guard case .array = value, let signed = COSESign1(value), signed.unprotected.entries.isEmpty,
      let content = try item(signed.payload).mapValue
    else { throw .malformed }
    return (signed, content)
  }

  private static func item(_ bytes: [UInt8]) throws(CredentialError) -> CBORValue {
    do throws(CBORError) {
      return try CBORDecoder.decode(bytes)
    } catch {
      throw .malformed
    }
  }
}
