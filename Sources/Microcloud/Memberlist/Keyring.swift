/// The keys of a cluster: the first one, the primary, seals; all of them open.
///
/// A key is changed without anybody being left out by installing it everywhere, then using it, then removing the old one.
public struct Keyring: Equatable, Sendable {
  /// The lengths that AES takes.
  static let keyBytes = [16, 24, 32]

  /// The primary one first.
  public private(set) var keys: [[UInt8]]

  /// Nil if there is no key, one is of a length that AES does not take, or there are too many. One that comes twice counts
  /// once.
  public init?(keys: [[UInt8]]) {
    guard let primary = keys.first, Self.keyBytes.contains(primary.count) else { return nil }
    self.keys = [primary]
    for key in keys.dropFirst() {
      do throws(KeyringError) { try install(key) } catch { return nil }
    }
  }

  public var primary: [UInt8] { keys[0] }

  /// Adds a key with which to open; nothing happens if it is there.
  public mutating func install(_ key: [UInt8]) throws(KeyringError) {
    guard Self.keyBytes.contains(key.count) else { throw .length(key.count) }
    if keys.contains(key) { return }
    guard keys.count < GossipCipher.maximumKeys else { throw .full }
    keys.append(key)
  }

  /// Makes a key that is there the primary one.
  public mutating func use(_ key: [UInt8]) throws(KeyringError) {
    guard let index = keys.firstIndex(of: key) else { throw .notInstalled }
    keys.insert(keys.remove(at: index), at: 0)
  }

  /// Removes a key, unless it is the primary one; nothing happens if it is not there.
  public mutating func remove(_ key: [UInt8]) throws(KeyringError) {
    if key == primary { throw .primary }
    keys.removeAll { $0 == key }
  }
}

/// Why a keyring is not changed.
public enum KeyringError: Error, Equatable, Sendable {
  case length(Int)
  case full
  case notInstalled
  /// The primary key cannot be removed.
  case primary
}

extension KeyringError: CustomStringConvertible {
  /// One line for a person.
  public var description: String {
    switch self {
    case .length(let count): "a key of \(count) bytes; it has to be of 16, 24 or 32"
    case .full: "the keyring is full with \(GossipCipher.maximumKeys) keys; remove one first"
    case .notInstalled: "the key is not in the keyring; install it first"
    case .primary: "the primary key is not removed; use another one first"
    }
  }
}
