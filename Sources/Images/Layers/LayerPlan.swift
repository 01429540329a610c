import Basics

/// Decides what each entry of a layer becomes, and when it is too much. No input or output.
public struct LayerPlan {
  public let owners: LayerOwners
  public let limits: LayerLimits
  /// How many entries there were.
  public private(set) var entries: UInt32 = 0
  /// How many of them were passed over.
  public private(set) var skipped: UInt32 = 0
  /// How many directories were made of which no entry speaks.
  private var unnamedDirectories: UInt32 = 0
  private var dataBytes: UInt64 = 0
  /// Whether names that begin with `.wh.` hide what lower layers have; otherwise they are names as any.
  private let hasWhiteouts: Bool

  private static let whiteoutPrefix = Array(".wh.".utf8)
  /// AUFS's own; of them only the one that hides a directory's content means something to others.
  private static let reservedPrefix = Array(".wh..wh.".utf8)
  private static let opaqueName = Array(".wh..wh..opq".utf8)

  public init(owners: LayerOwners, limits: LayerLimits, hasWhiteouts: Bool = true) {
    self.owners = owners
    self.limits = limits
    self.hasWhiteouts = hasWhiteouts
  }

  /// What the next entry becomes.
  public mutating func step(for entry: TarEntry) throws(LayerError) -> LayerStep {
    if entries >= limits.entries - unnamedDirectories {
      throw LayerError(.tooManyEntries(limit: limits.entries), entry.path)
    }
    entries += 1
    // Before a byte of it is written.
    if entry.sizeBytes > limits.bytes - min(dataBytes, limits.bytes) {
      throw LayerError(.tooLarge(limitBytes: limits.bytes), entry.path)
    }
    dataBytes += entry.sizeBytes
    let step = try decide(entry)
    if step == .skip { skipped += 1 }
    return step
  }

  /// Takes in how many directories were made so far on the way to entries, though no entry speaks of them: they count as if
  /// the archive had an entry for each. `path` is the last entry's, whose own directories may have gone beyond the limits.
  public mutating func note(unnamedDirectories count: UInt32, at path: [UInt8]) throws(LayerError) {
    if count > limits.entries - entries { throw LayerError(.tooManyEntries(limit: limits.entries), path) }
    if UInt64(count) * UInt64(TarHeader.byteCount) > limits.bytes {
      throw LayerError(.tooLarge(limitBytes: limits.bytes), path)
    }
    unnamedDirectories = count
  }

  private func decide(_ entry: TarEntry) throws(LayerError) -> LayerStep {
    if hasWhiteouts, let step = try marked(entry) { return step }
    switch entry.kind {
    // As an overlay's upper directory has it, and as some archivers keep it.
    case .characterDevice where entry.deviceMajor == 0 && entry.deviceMinor == 0: return .whiteout(entry.path)
    // The runner makes a container's devices; those of an image a user namespace cannot open.
    case .characterDevice, .blockDevice: return .skip
    default: return .make(try shifted(entry))
    }
  }

  /// What a name of AUFS's asks for; nil: it is no such name.
  private func marked(_ entry: TarEntry) throws(LayerError) -> LayerStep? {
    let (directory, name) = TarPath.split(entry.path)
    let parts = ASCII.split(directory, at: TarPath.separator)
    if parts.contains(where: { $0.starts(with: Self.reservedPrefix) }) { return .skip }
    if parts.contains(where: { $0.starts(with: Self.whiteoutPrefix) }) {
      throw LayerError(.invalidWhiteout, entry.path)
    }
    if name.elementsEqual(Self.opaqueName) { return .opaque(Array(directory)) }
    if name.starts(with: Self.reservedPrefix) { return .skip }
    if name.starts(with: Self.whiteoutPrefix) {
      return .whiteout(try hidden(by: name, in: directory, entry.path))
    }
    return nil
  }

  /// The path that a whiteout hides.
  private func hidden(
    by name: ArraySlice<UInt8>, in directory: ArraySlice<UInt8>, _ path: [UInt8]
  ) throws(LayerError) -> [UInt8] {
    let hidden = name.dropFirst(Self.whiteoutPrefix.count)
    if hidden.isEmpty || hidden.elementsEqual(".".utf8) || hidden.elementsEqual("..".utf8) {
      throw LayerError(.invalidWhiteout, path)
    }
    return directory.isEmpty ? Array(hidden) : directory + [TarPath.separator] + hidden
  }

  private func shifted(_ entry: TarEntry) throws(LayerError) -> TarEntry {
    var shifted = entry
    guard let user = owners.hostID(entry.user) else { throw LayerError(.foreignOwner(entry.user), entry.path) }
    guard let group = owners.hostID(entry.group) else { throw LayerError(.foreignOwner(entry.group), entry.path) }
    shifted.user = user
    shifted.group = group
    shifted.attributes = entry.attributes.compactMap { LayerAttribute.kept($0, of: entry.kind, owners) }
    return shifted
  }
}
