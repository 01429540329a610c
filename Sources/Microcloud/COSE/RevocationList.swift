import Crypto

/// Which credentials of a microcloud count no more, though they have not expired: serial numbers that its key signed. Of two
/// lists the one with the higher sequence number counts, so that nobody can bring an old one back.
public struct RevocationList: Equatable, Sendable {
  /// The most serials: those of expired credentials are left out of the next list.
  public static let maximumSerials = 256
  /// The most bytes of one.
  public static let maximumBytes = 2560

  public let microcloud: String
  public let sequence: UInt64
  /// When it was signed, in seconds since 1970; see `Credential` for what boards without a clock make of it.
  public let issued: UInt64
  /// In ascending order, each once.
  public let serials: [UInt64]

  private static let microcloudKey = 0
  private static let sequenceKey = 1
  private static let issuedKey = 2
  private static let serialsKey = 3
  /// Signed along, so that no signature of a credential is one of a list.
  private static let purpose = Array("microagent revocation list".utf8)

  /// Nil if no microcloud can be called so, or if there are too many serials.
  public init?(microcloud: String, sequence: UInt64, issued: UInt64, serials: [UInt64]) {
    guard MicrocloudName.isValid(microcloud), serials.count <= Self.maximumSerials else { return nil }
    var ascending: [UInt64] = []
    for serial in serials.sorted() where serial != ascending.last { ascending.append(serial) }
    self.microcloud = microcloud
    self.sequence = sequence
    self.issued = issued
    self.serials = ascending
  }

  /// Whether `credential`, of this microcloud, counts no more.
  public func revokes(_ credential: Credential) -> Bool {
    credential.microcloud == microcloud && serials.contains(credential.serial)
  }

  /// Whether it counts in place of `other`.
  public func supersedes(_ other: RevocationList) -> Bool {
    microcloud == other.microcloud && sequence > other.sequence
  }

  /// The list as a COSE_Sign1 that the microcloud's key signs.
  public func signed(by key: P256.PrivateKey) throws(CryptoError) -> [UInt8] {
    var map = CBORMap()
    map[key: Self.microcloudKey] = .text(microcloud)
    map[key: Self.sequenceKey] = .unsigned(sequence)
    map[key: Self.issuedKey] = .unsigned(issued)
    map[key: Self.serialsKey] = .array(serials.map { .unsigned($0) })
    return try COSESign1.signing(CBORValue.map(map).encoded, externalData: Self.purpose, by: key).value.encoded
  }

  /// Reads a list, and has it only if the holder of the microcloud's `key` signed it.
  public init(_ bytes: [UInt8], signedBy key: P256.PublicKey) throws(CredentialError) {
    guard bytes.count <= Self.maximumBytes else { throw .malformed }
    let map = try SignedContent.read(bytes, signedBy: key, externalData: Self.purpose)
    guard map.entries.count == 4, let microcloud = map[key: Self.microcloudKey]?.textValue,
      let sequence = map[key: Self.sequenceKey]?.unsignedValue, let issued = map[key: Self.issuedKey]?.unsignedValue,
      let items = map[key: Self.serialsKey]?.arrayValue, items.count <= Self.maximumSerials
    else { throw .malformed }
    let serials = items.compactMap { $0.unsignedValue }
    guard let list = RevocationList(microcloud: microcloud, sequence: sequence, issued: issued, serials: serials),
      list.serials == serials, serials.count == items.count
    else { throw .malformed }
    self = list
  }
}
