/// What an entry of a layer asks for (OCI image specification, layers): paths are as `TarPath` leaves them.
public enum LayerStep: Equatable, Sendable {
  /// Make this, with the owner and the attributes that it is to have on the disk. Something that is there gives way, but for
  /// a directory under a directory.
  case make(TarEntry)
  /// What lower layers have under this path is gone.
  case whiteout([UInt8])
  /// What lower layers have in this directory is gone.
  case opaque([UInt8])
  /// Nothing: what is of no use in a container, or another tool's.
  case skip
}

/// Whose ids a layer's owners become.
public struct LayerOwners: Equatable, Sendable {
  /// Of the container's root on this board; 0: the layer's ids stay as they are.
  public let firstHostID: UInt32
  /// How many ids a container has. An owner beyond them would be nobody's.
  public static let count: UInt32 = 65_536

  public init(firstHostID: UInt32) {
    self.firstHostID = firstHostID
  }

  /// Nil: there is none.
  func hostID(_ id: UInt32) -> UInt32? {
    if firstHostID == 0 { return id }
    return id < Self.count ? firstHostID + id : nil
  }
}

/// What a layer may fill.
public struct LayerLimits: Equatable, Sendable {
  /// Of the uncompressed archive, headers and all: files cannot be larger.
  public var bytes: UInt64
  /// Entries, and directories of which none speaks, as each may need an inode.
  public var entries: UInt32

  public init(bytes: UInt64, entries: UInt32) {
    self.bytes = bytes
    self.entries = entries
  }
}

/// Why a layer is not taken: `etc/shadow: a whiteout of no name: …`.
public struct LayerError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Reason: Equatable, Sendable {
    case tooLarge(limitBytes: UInt64)
    case tooManyEntries(limit: UInt32)
    case foreignOwner(UInt32)
    case invalidWhiteout
  }

  public let reason: Reason
  public let path: [UInt8]

  public init(_ reason: Reason, _ path: [UInt8]) {
    self.reason = reason
    self.path = path
  }

  /// One line for a person.
  public var description: String {
    let place = path.isEmpty ? "" : shown(String(decoding: path, as: UTF8.self)) + ": "
    switch reason {
    case .tooLarge(let limit): return "\(place)unpacked it has more than the \(limit) bytes that it may have"
    case .tooManyEntries(let limit): return "\(place)more than the \(limit) entries that it may have"
    case .foreignOwner(let id):
      return "\(place)owner \(id): a container has the ids up to \(LayerOwners.count - 1): build the image without it"
    case .invalidWhiteout: return "\(place)a whiteout of no name: the image is damaged"
    }
  }
}
