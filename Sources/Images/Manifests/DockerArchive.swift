/// `manifest.json` of an archive that `docker save` wrote: which of its files are images.
public struct DockerArchive: Equatable, Sendable {
  public struct Image: Equatable, Sendable {
    /// The name of the configuration's file in the archive.
    public let config: String
    /// `NAME:TAG`.
    public let names: [String]
    /// The names of the layers' files, from the lowest up.
    public let layers: [String]
  }

  public let images: [Image]

  /// The file's name in the archive.
  public static let listName = "manifest.json"
  public static let maximumBytes = 64 * 1024
  public static let maximumImages = 64
  public static let maximumNames = 64

  /// Reads the list.
  public init(parsing bytes: [UInt8]) throws(ImageError) {
    let reader = try DocumentReader.read(bytes, .archiveList, limitBytes: Self.maximumBytes)
    guard let values = reader.value.arrayValue, !values.isEmpty, values.count <= Self.maximumImages else {
      throw ImageError(.archiveList, "not a list of 1 to \(Self.maximumImages) images")
    }
    var images: [Image] = []
    for value in values { images.append(try Image(reader.within(value))) }
    self.images = images
  }
}

extension DockerArchive.Image {
  fileprivate init(_ reader: DocumentReader) throws(ImageError) {
    guard let config = try reader.text("Config") else { throw reader.error("Config", "absent") }
    self.config = config
    names = try reader.texts("RepoTags", limit: DockerArchive.maximumNames)
    layers = try reader.texts("Layers", limit: ImageManifest.maximumLayers)
  }
}
