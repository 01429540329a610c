import Basics
import Crypto
import Images
import LinuxSystem

// Images that are no OCI images yet: their manifests are made here, the same for the same content.

/// An archive of `docker save`: its layers are archives inside of it.
struct DockerPackage {
  private let files: ArchiveFiles

  init(_ files: ArchiveFiles) {
    self.files = files
  }

  func package() throws(Failure) -> ImagePackage {
    let list = try files.read(DockerArchive.listName, limitBytes: DockerArchive.maximumBytes)
    let image: DockerArchive.Image
    do throws(ImageError) { image = try DockerArchive(parsing: list).images[0] } catch {
      throw Failure(.refused, "push \(files.path): \(error)")
    }
    let config = try BlobSource(try files.read(image.config, limitBytes: ImageConfig.maximumBytes))
    var layers: [BlobSource] = []
    for name in image.layers {
      guard let (place, size) = files.find(name) else {
        throw Failure(.refused, "push \(files.path): \(name) is missing: the image is not whole")
      }
      layers.append(try BlobSource(hashing: place, sizeBytes: size))
    }
    return try ImagePackage(config: config, layers: layers, name: image.names.first)
  }
}

/// An archive of a root file system: an image of one layer.
struct RootArchive {
  private let path: String

  init(_ path: String) {
    self.path = path
  }

  func package(architecture: String) throws(Failure) -> ImagePackage {
    guard let (place, size) = DirectoryFiles(Files.directory(of: path)).find(Self.name(path)) else {
      throw Failure(.refused, "push \(path): it is not there")
    }
    let layer = try BlobSource(hashing: place, sizeBytes: size)
    let rootfs = "{\"type\":\"layers\",\"diff_ids\":[\"\(layer.name)\"]}"
    let config = "{\"architecture\":\"\(architecture)\",\"os\":\"linux\",\"config\":{},\"rootfs\":\(rootfs)}"
    return try ImagePackage(config: try BlobSource(Array(config.utf8)), layers: [layer], name: nil)
  }

  private static func name(_ path: String) -> String {
    ASCII.string(path.utf8.split(separator: UInt8(ascii: "/")).last ?? Substring(path).utf8)
  }
}

extension ImagePackage {
  /// An image with a manifest of ours.
  fileprivate init(config: BlobSource, layers: [BlobSource], name: String?) throws(Failure) {
    let list = layers.map { Self.descriptor($0, .layer(.none)) }.joined(separator: ",")
    let manifest =
      "{\"schemaVersion\":2,\"mediaType\":\"\(MediaType.manifest.name)\","
      + "\"config\":\(Self.descriptor(config, .config)),\"layers\":[\(list)]}"
    self.init(manifest: try BlobSource(Array(manifest.utf8)), config: config, layers: layers, name: name)
  }

  private static func descriptor(_ blob: BlobSource, _ type: MediaType) -> String {
    "{\"mediaType\":\"\(type.name)\",\"digest\":\"\(blob.name)\",\"size\":\(blob.sizeBytes)}"
  }
}

extension BlobSource {
  /// `sha256:` and the digits.
  fileprivate var name: String { "sha256:" + Hexadecimal.text(digest) }

  private static var hashBytes: UInt64 { 256 * 1024 }

  /// One whose digest nobody has written down.
  fileprivate init(hashing place: Place, sizeBytes: UInt64) throws(Failure) {
    let reader = try BlobSource(digest: [], sizeBytes: sizeBytes, place: place).reader()
    var hash = try Self.explained { () throws(CryptoError) in try SHA256Stream() }
    var offset: UInt64 = 0
    while offset < sizeBytes {
      let piece = try reader.read(offset..<min(sizeBytes, offset + Self.hashBytes))
      try Self.explained { () throws(CryptoError) in try hash.update(piece[...]) }
      offset += UInt64(piece.count)
    }
    let digest = try Self.explained { () throws(CryptoError) in try hash.finish() }
    self.init(digest: digest, sizeBytes: sizeBytes, place: place)
  }

  private static func explained<Value: ~Copyable>(
    _ body: () throws(CryptoError) -> Value
  ) throws(Failure) -> Value {
    do throws(CryptoError) { return try body() } catch { throw Failure(.refused, "hash a blob: \(error)") }
  }
}
