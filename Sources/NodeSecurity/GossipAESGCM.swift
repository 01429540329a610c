import Crypto
import Microcloud

/// The cipher of a gossip keyring.
///
/// Keys come with each call; the ones that were used last are kept with their schedules, which take longer to make than a
/// small packet takes to seal. All are wiped at the end: a keyring that loses a key gets a new cipher.
public final class GossipAESGCM: GossipAEAD {
  /// How many keys are kept: a whole keyring.
  public static let maximumKeys = GossipCipher.maximumKeys

  /// The one that was used last comes last.
  private var entries: [Entry] = []

  private struct Entry {
    let key: Secret
    let cipher: AESGCM
  }

  public init() {}

  /// Nothing if the key has not 16, 24 or 32 bytes, or the nonce none: the peer cannot open that, and learns nothing.
  public func seal(_ plaintext: [UInt8], key: [UInt8], nonce: [UInt8], additionalData: [UInt8]) -> [UInt8] {
    do throws(CryptoError) {
      return try cipher(key).seal(plaintext[...], nonce: nonce, additionalData: additionalData)
    } catch {
      return []
    }
  }

  public func open(
    _ sealed: ArraySlice<UInt8>, key: [UInt8], nonce: ArraySlice<UInt8>, additionalData: [UInt8]
  ) -> [UInt8]? {
    do throws(CryptoError) {
      return try cipher(key).open(sealed, nonce: Array(nonce), additionalData: additionalData)
    } catch {
      return nil
    }
  }

  private func cipher(_ key: [UInt8]) throws(CryptoError) -> AESGCM {
    if let index = entries.firstIndex(where: { ConstantTime.areEqual($0.key.bytes, key) }) {
      let entry = entries[index]
      if index != entries.count - 1 { entries.append(entries.remove(at: index)) }
      return entry.cipher
    }
    let made = Entry(key: Secret(copying: key[...]), cipher: try AESGCM(key: key))
    if entries.count == Self.maximumKeys { entries.removeFirst() }
    entries.append(made)
    return made.cipher
  }
}
