import Microcloud

/// What the node remembers of itself and its memberships: a few items in the store, each small and rarely written.
final class NodeMemory {
  /// What there is to remember.
  enum Item {
    /// The microcloud that was chosen, as text.
    case microcloud
    /// Which of its names the node has in a membership: one byte.
    case nameNumber(MembershipKind)
    /// A `SerfRecord`, and of which cluster it is.
    case record(MembershipKind)
    /// The configured gossip keys, and those that they were changed to.
    case keyring
    /// How others were seen (`Availability`).
    case availability
    /// The services that run beside containers.
    case publications
    /// The newest list of revoked credentials, as it was signed.
    case revocations
    /// The latest time that the microcloud's key signed (`Authority`).
    case latestIssued
    /// Whom the board was given to (`Ownership`).
    case owner
    /// What the owner gave over the network (`GivenSettings`).
    case settings

    var name: String {
      switch self {
      case .microcloud: "microcloud"
      case .nameNumber(.public): "public name number"
      case .nameNumber(.microcloud): "microcloud name number"
      case .record(.public): "public record"
      case .record(.microcloud): "microcloud record"
      case .keyring: "gossip keys"
      case .availability: "availability"
      case .publications: "publications"
      case .revocations: "revocations"
      case .latestIssued: "latest issued"
      case .owner: "owner"
      case .settings: "settings"
      }
    }
  }

  private let table: ItemTable
  /// What the configuration says; the running microcloud may have changed its keys since.
  private let configuredKeys: Keyring?

  init(_ table: ItemTable, configuredKeys: Keyring?) {
    self.table = table
    self.configuredKeys = configuredKeys
  }

  func bytes(_ item: Item) -> [UInt8]? { table[item.name] }

  /// See `ItemTable.save`.
  func save(_ item: Item, _ bytes: [UInt8]) {
    table.save(item.name, bytes)
  }

  func save(_ item: Item, _ bytes: [UInt8], completion: @escaping (String?) -> Void) {
    table.save(item.name, bytes, completion: completion)
  }

  // MARK: Records

  func record(_ kind: MembershipKind, of cluster: String) -> SerfRecord? {
    guard let fields = array(.record(kind)), fields.count == 2, fields[0].textValue == cluster else { return nil }
    return SerfRecord(fields[1])
  }

  func save(_ record: SerfRecord, _ kind: MembershipKind, of cluster: String) {
    save(.record(kind), CBORValue.array([.text(cluster), record.value]).encoded)
  }

  // MARK: Keys

  /// The keys to seal and open with: as configured, unless the microcloud has changed them since.
  var keyring: Keyring? {
    guard let configuredKeys else { return nil }
    guard let fields = array(.keyring), fields.count == 2, Self.keys(fields[0]) == configuredKeys else {
      return configuredKeys
    }
    return Self.keys(fields[1]) ?? configuredKeys
  }

  func save(_ keyring: Keyring) {
    guard let configuredKeys else { return }
    let rings = [configuredKeys, keyring].map { CBORValue.array($0.keys.map { .bytes($0) }) }
    save(.keyring, CBORValue.array(rings).encoded)
  }

  private static func keys(_ value: CBORValue) -> Keyring? {
    Keyring(keys: (value.arrayValue ?? []).map { $0.bytesValue ?? [] })
  }

  private func array(_ item: Item) -> [CBORValue]? {
    bytes(item).flatMap { bytes in try? CBORDecoder.decode(bytes).arrayValue }
  }
}
