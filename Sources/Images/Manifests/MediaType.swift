/// What kinds of blobs are made of, by the names of the OCI image specification 1.1 and of Docker's schema 2.
public enum MediaType: Equatable, Sendable {
  case index
  case manifest
  case config
  /// A tar archive of changes to a file system.
  case layer(Compression)
  /// A file system image of squashfs 4.0 with all of a layer's files.
  case squashfs

  public enum Compression: Equatable, Sendable {
    case none
    case gzip
    case zstd
  }

  /// Nil: of a kind that we do not know. Parameters are none of these names' and make another name.
  public init?(_ name: String) {
    guard let known = Self.known.first(where: { $0.0 == name }) else { return nil }
    self = known.1
  }

  /// Whether a layer can be made of it.
  public var isLayer: Bool {
    switch self {
    case .layer, .squashfs: true
    case .index, .manifest, .config: false
    }
  }

  /// What we call it when we write; Docker's names are only read.
  public var name: String {
    Self.known.first { $0.1 == self }?.0 ?? ""
  }

  // The first name of each is OCI's.
  private static let known: [(String, MediaType)] = [
    ("application/vnd.oci.image.index.v1+json", .index),
    ("application/vnd.oci.image.manifest.v1+json", .manifest),
    ("application/vnd.oci.image.config.v1+json", .config),
    ("application/vnd.oci.image.layer.v1.tar", .layer(.none)),
    ("application/vnd.oci.image.layer.v1.tar+gzip", .layer(.gzip)),
    ("application/vnd.oci.image.layer.v1.tar+zstd", .layer(.zstd)),
    // Others' names for layers of this kind promise an overlay's marks in them, which are not looked for.
    ("application/vnd.squashfs", .squashfs),
    // Layers that registries were not to hand on: where one is there, it is a layer as others.
    ("application/vnd.oci.image.layer.nondistributable.v1.tar", .layer(.none)),
    ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", .layer(.gzip)),
    ("application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", .layer(.zstd)),
    ("application/vnd.docker.distribution.manifest.list.v2+json", .index),
    ("application/vnd.docker.distribution.manifest.v2+json", .manifest),
    ("application/vnd.docker.container.image.v1+json", .config),
    ("application/vnd.docker.image.rootfs.diff.tar", .layer(.none)),
    ("application/vnd.docker.image.rootfs.diff.tar.gzip", .layer(.gzip)),
    ("application/vnd.docker.image.rootfs.diff.tar.zstd", .layer(.zstd)),
    ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", .layer(.gzip)),
  ]
}
