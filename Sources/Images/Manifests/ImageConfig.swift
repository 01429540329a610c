/// How an image's programs are meant to run, and what its layers are once uncompressed.
public struct ImageConfig: Equatable, Sendable {
  public let platform: ImageIndex.Platform
  /// `USER`, `USER:GROUP`, names or numbers; empty: root.
  public let user: String
  /// `NAME=VALUE`.
  public let environment: [String]
  public let entrypoint: [String]
  public let command: [String]
  /// Empty: the root directory.
  public let workingDirectory: String
  /// `PORT/PROTOCOL`, as `80/tcp`.
  public let exposedPorts: [String]
  /// A number, or a name as `SIGTERM`; empty: SIGTERM.
  public let stopSignal: String
  /// Nil: the image says nothing, or that there is none.
  public let healthcheck: Healthcheck?
  /// The digests of the uncompressed layers, in the manifest's order.
  public let layerDigests: [Digest]

  /// Most of a long one is its history, which nobody here reads.
  public static let maximumBytes = 128 * 1024
  public static let maximumArguments = 256
  public static let maximumVariables = 256
  public static let maximumPorts = 64
  /// Of user, variables, arguments and directory together.
  public static let maximumTextBytes = 16 * 1024

  /// Reads an OCI configuration or Docker's.
  public init(parsing bytes: [UInt8]) throws(ImageError) {
    let reader = try DocumentReader.read(bytes, .config, limitBytes: Self.maximumBytes)
    platform = ImageIndex.Platform(
      os: try reader.text("os") ?? "", architecture: try reader.text("architecture") ?? "")
    let config = try reader.object("config") ?? reader.within(.object([]))
    user = try config.text("User") ?? ""
    environment = try config.texts("Env", limit: Self.maximumVariables)
    entrypoint = try config.texts("Entrypoint", limit: Self.maximumArguments)
    command = try config.texts("Cmd", limit: Self.maximumArguments)
    workingDirectory = try config.text("WorkingDir") ?? ""
    exposedPorts = try config.names("ExposedPorts", limit: Self.maximumPorts)
    stopSignal = try config.text("StopSignal") ?? ""
    healthcheck = try config.object("Healthcheck").flatMap { reader throws(ImageError) in try Healthcheck(reader) }
    layerDigests = try Self.layerDigests(reader)
    let texts =
      environment + entrypoint + command + exposedPorts + [user, workingDirectory, stopSignal]
      + (healthcheck?.command ?? [])
    if texts.reduce(0, { $0 + $1.utf8.count }) > Self.maximumTextBytes {
      throw ImageError(.config, "its texts exceed \(Self.maximumTextBytes) bytes")
    }
  }

  private static func layerDigests(_ reader: DocumentReader) throws(ImageError) -> [Digest] {
    guard let files = try reader.object("rootfs") else { throw reader.error("rootfs", "absent: not of an image") }
    var digests: [Digest] = []
    for value in try files.list("diff_ids", limit: ImageManifest.maximumLayers) {
      digests.append(try reader.digest(value, "diff_ids"))
    }
    return digests
  }

  /// Throws where it is not the configuration of a manifest's image, or not for one of these architectures.
  public func check(against manifest: ImageManifest, architectures: [String]) throws(ImageError) {
    if layerDigests.count != manifest.layers.count {
      throw ImageError(
        .config, "\(layerDigests.count) layers, but \(manifest.layers.count) in the manifest: pull the image again")
    }
    guard platform.os == "linux", architectures.contains(where: { $0 == platform.architecture }) else {
      throw ImageError(
        .config,
        "for \(shown(platform.description)), not linux/\(architectures.joined(separator: " or linux/")): build or fetch "
          + "it for this board's platform")
    }
  }
}
