import Crypto

/// The algorithms of cipher suite 2 (RFC 9528 section 3.6): AES-CCM-16-64-128, SHA-256, P-256, ES256. We speak no other.
enum EDHOCSuite {
  static let number: Int64 = 2
  /// Of a MAC that stands for itself. One that is signed is as long as a hash.
  static let macBytes = 8
  static let hashBytes = SHA256.digestBytes
  /// Of an ephemeral key: x alone (RFC 9528 section 3.7).
  static let keyBytes = P256.fieldBytes

  /// What a key is derived for (RFC 9528 section 4.1.2).
  enum Label: Int64 {
    case keystream2 = 0
    case salt3 = 1
    case mac2 = 2
    case key3 = 3
    case nonce3 = 4
    case salt4 = 5
    case mac3 = 6
    case session = 7
    case key4 = 8
    case nonce4 = 9
    case exporter = 10
    case keyUpdate = 11
  }
}

// Negotiation.
extension EDHOCSuite {
  /// SUITES_I or SUITES_R: one suite stands for itself.
  static func item(of suites: [Int64]) -> CBORValue {
    suites.count == 1 ? .integer(suites[0]) : .array(suites.map { .integer($0) })
  }

  /// Nil if the item is no list of suites.
  static func suites(_ item: CBORValue) -> [Int64]? {
    if let suite = item.integerValue { return [suite] }
    guard let items = item.arrayValue, (2...EDHOCLimits.suites).contains(items.count) else { return nil }
    let suites = items.compactMap { $0.integerValue }
    return suites.count == items.count ? suites : nil
  }

  /// Whether the initiator's choice, the last one, is ours, and none that it prefers (RFC 9528 section 6.3).
  static func isChosen(in suites: [Int64]) -> Bool {
    suites.firstIndex(of: number) == suites.count - 1
  }
}

// Keys and transcripts.
extension EDHOCSuite {
  static func hash(_ bytes: [UInt8]) throws(EDHOCError) -> [UInt8] {
    do throws(CryptoError) {
      return try SHA256.hash(bytes)
    } catch {
      throw .crypto(error)
    }
  }

  /// TH_3 or TH_4: what was said up to a plaintext, and whose it is.
  static func transcript(
    _ previous: [UInt8], _ plaintext: [UInt8], credential: [UInt8]
  ) throws(EDHOCError) -> [UInt8] {
    try hash(CBORValue.bytes(previous).encoded + plaintext + credential)
  }

  /// A point of which only x is known.
  static func ephemeralKey(_ x: ArraySlice<UInt8>) throws(EDHOCError) -> P256.PublicKey {
    do throws(CryptoError) {
      return try P256.PublicKey([2] + x)
    } catch {
      throw .invalidKey
    }
  }

  static func agree(_ key: P256.PrivateKey, _ peer: P256.PublicKey) throws(EDHOCError) -> Secret {
    do throws(CryptoError) {
      return try key.sharedSecret(with: peer)
    } catch {
      throw .crypto(error)
    }
  }

  static func extract(salt: [UInt8], _ input: Secret) throws(EDHOCError) -> Secret {
    do throws(CryptoError) {
      return try HKDF.extract(salt: salt, input: input)
    } catch {
      throw .crypto(error)
    }
  }

  /// EDHOC_KDF (RFC 9528 section 4.1.2).
  static func expand(
    _ secret: Secret, _ label: Int64, context: [UInt8], count: Int
  ) throws(EDHOCError) -> Secret {
    let info =
      CBORValue.integer(label).encoded + CBORValue.bytes(context).encoded + CBORValue.integer(Int64(count)).encoded
    do throws(CryptoError) {
      return try HKDF.expand(secret, info: info, count: count)
    } catch {
      throw .crypto(error)
    }
  }

  static func expand(
    _ secret: Secret, _ label: Label, context: [UInt8], count: Int = hashBytes
  ) throws(EDHOCError) -> Secret {
    try expand(secret, label.rawValue, context: context, count: count)
  }

  /// The next pseudorandom key where a side shows that it has a static Diffie-Hellman key (RFC 9528 section 4.1.1).
  static func mix(
    _ secret: Secret, _ label: Label, transcript: [UInt8], with agreed: Secret
  ) throws(EDHOCError) -> Secret {
    let salt = try expand(secret, label, context: transcript)
    return try extract(salt: salt.bytes, agreed)
  }
}
