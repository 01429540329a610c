/// What an image is made of: its configuration, and its layers from the lowest up.
public struct ImageManifest: Equatable, Sendable {
  public let config: ImageDescriptor
  public let layers: [ImageDescriptor]

  public static let maximumBytes = 64 * 1024
  public static let maximumLayers = 128

  /// Reads an OCI manifest, or Docker's of schema 2.
  public init(parsing bytes: [UInt8]) throws(ImageError) {
    let reader = try DocumentReader.read(bytes, .manifest, limitBytes: Self.maximumBytes)
    guard reader.value["schemaVersion"]?.unsignedValue == 2 else {
      throw reader.error("schemaVersion", "not 2: write the image anew, as by `skopeo copy --format oci`")
    }
    guard let config = try reader.object("config") else {
      throw reader.error("config", "absent: not an image manifest")
    }
    self.config = try ImageDescriptor(config)
    guard self.config.kind == .config else {
      throw reader.error("config", "\(shown(self.config.mediaType)): an artifact, not an image")
    }
    var layers: [ImageDescriptor] = []
    for value in try reader.list("layers", limit: Self.maximumLayers) {
      let layer = try ImageDescriptor(reader.within(value))
      guard layer.kind?.isLayer == true else {
        throw reader.error("layers", "\(shown(layer.mediaType)): not a layer that can be unpacked")
      }
      layers.append(layer)
    }
    self.layers = layers
  }
}
