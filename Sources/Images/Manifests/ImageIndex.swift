/// Which manifests there are: an image index, Docker's manifest list, or `index.json` of an image layout.
public struct ImageIndex: Equatable, Sendable {
  /// A manifest, or a further index, and what it is for.
  public struct Entry: Equatable, Sendable {
    public let descriptor: ImageDescriptor
    /// Nil: it does not say.
    public let platform: Platform?
    /// What an image layout calls it: often only a tag.
    public let referenceName: String?
  }

  /// What a program needs in order to run.
  public struct Platform: Equatable, Sendable, CustomStringConvertible {
    /// As Go says it: `linux`.
    public let os: String
    /// As Go says it: `386`, `amd64`.
    public let architecture: String

    public init(os: String, architecture: String) {
      self.os = os
      self.architecture = architecture
    }

    public var description: String { "\(os)/\(architecture)" }
  }

  public let entries: [Entry]

  public static let maximumBytes = 64 * 1024
  public static let maximumEntries = 128

  /// What a program on a 32-bit board or on a 64-bit one can run, the better first.
  public static func architectures(is64Bit: Bool) -> [String] {
    is64Bit ? ["amd64", "386"] : ["386"]
  }

  /// Reads an index.
  public init(parsing bytes: [UInt8]) throws(ImageError) {
    let reader = try DocumentReader.read(bytes, .index, limitBytes: Self.maximumBytes)
    var entries: [Entry] = []
    for value in try reader.list("manifests", limit: Self.maximumEntries) {
      entries.append(try Entry(reader.within(value)))
    }
    if entries.isEmpty { throw reader.error("manifests", "none: not an image index") }
    self.entries = entries
  }

  /// The manifest for the first of these architectures that there is one for, on Linux. One that does not say what it is for
  /// is taken if it is the only one: its configuration tells.
  public func choose(architectures: [String]) throws(ImageError) -> ImageDescriptor {
    for architecture in architectures {
      let wanted = Platform(os: "linux", architecture: architecture)
      if let entry = entries.first(where: { $0.platform == wanted }) { return entry.descriptor }
    }
    if entries.count == 1, entries[0].platform == nil { return entries[0].descriptor }
    let offered = entries.compactMap { $0.platform.map { shown($0.description) } }.filter { $0 != "unknown/unknown" }
    let wanted = architectures.map { "linux/\($0)" }
    throw ImageError(
      .index,
      "no image for \(wanted.joined(separator: " or ")), only for "
        + (offered.isEmpty ? "what it does not say" : offered.joined(separator: ", "))
        + ": build or fetch it for this board's platform")
  }
}

extension ImageIndex.Entry {
  fileprivate init(_ reader: DocumentReader) throws(ImageError) {
    descriptor = try ImageDescriptor(reader)
    if let platform = try reader.object("platform") {
      self.platform = try ImageIndex.Platform(platform)
    } else {
      platform = nil
    }
    referenceName = try reader.object("annotations")?.text("org.opencontainers.image.ref.name")
  }
}

extension ImageIndex.Platform {
  fileprivate init(_ reader: DocumentReader) throws(ImageError) {
    self.init(os: try reader.text("os") ?? "", architecture: try reader.text("architecture") ?? "")
  }
}
