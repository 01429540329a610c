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
    return try ImagePackage(config: config, layers: layers, .layer(.none), name: image.names.first)
  }
}

/// A root file system in one file, of which there is an image of one layer.
struct RootImage {
  private let layer: BlobSource
  private let type: MediaType
  /// The layer's digest once it is uncompressed.
  private let content: [UInt8]

  /// An archive or a squashfs image, as it is.
  init(_ path: String, _ type: MediaType) throws(Failure) {
    let (place, size) = try Self.find(path)
    layer = try BlobSource(hashing: place, sizeBytes: size)
    self.type = type
    content = layer.digest
  }

  /// An archive in gzip. Its content must be an archive, as all of it is sent before anybody else looks at it; nil: it is one
  /// with an image's files in it.
  init?(gzip path: String) throws(Failure) {
    let (place, size) = try Self.find(path)
    let blobHash = try Hash()
    let contentHash = try Hash()
    let gzip = try GzipContent(path) { (piece) throws(Failure) in try blobHash.update(piece) }
    var tar = TarReader()
    while true {
      let bytes = try gzip.next()
      if bytes.isEmpty { break }
      try contentHash.update(bytes[...])
      if try Self.hasImageFile(bytes[...], &tar, path) { return nil }
    }
    do throws(TarError) { try tar.finish() } catch { throw Failure(.refused, "push \(path): \(error)") }
    layer = BlobSource(digest: try blobHash.finish(), sizeBytes: size, place: place)
    type = .layer(.gzip)
    content = try contentHash.finish()
  }

  /// Goes through a piece of an archive.
  private static func hasImageFile(
    _ bytes: ArraySlice<UInt8>, _ tar: inout TarReader, _ path: String
  ) throws(Failure) -> Bool {
    var rest = bytes
    do throws(TarError) {
      while let event = try tar.next(&rest) {
        if case .entry(let entry) = event, ArchiveFiles.isMark(entry.path) { return true }
      }
    } catch { throw Failure(.refused, "push \(path): what it holds is no archive: \(error)") }
    return false
  }

  /// It does not say for which of these it is: whatever runs the last runs the others.
  func package(_ architectures: [String]) throws(Failure) -> ImagePackage {
    let rootfs = "{\"type\":\"layers\",\"diff_ids\":[\"sha256:\(Hexadecimal.text(content))\"]}"
    let architecture = architectures.last ?? "386"
    let config = "{\"architecture\":\"\(architecture)\",\"os\":\"linux\",\"config\":{},\"rootfs\":\(rootfs)}"
    return try ImagePackage(config: try BlobSource(Array(config.utf8)), layers: [layer], type, name: nil)
  }

  private static func find(_ path: String) throws(Failure) -> (place: BlobSource.Place, sizeBytes: UInt64) {
    let name = ASCII.string(path.utf8.split(separator: UInt8(ascii: "/")).last ?? Substring(path).utf8)
    guard let found = DirectoryFiles(Files.directory(of: path)).find(name) else {
      throw Failure(.refused, "push \(path): it is not there")
    }
    return found
  }
}

extension ImagePackage {
  /// An image with a manifest of ours.
  fileprivate init(
    config: BlobSource, layers: [BlobSource], _ type: MediaType, name: String?
  ) throws(Failure) {
    let list = layers.map { Self.descriptor($0, type) }.joined(separator: ",")
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
    let hash = try Hash()
    var offset: UInt64 = 0
    while offset < sizeBytes {
      let piece = try reader.read(offset..<min(sizeBytes, offset + Self.hashBytes))
      try hash.update(piece[...])
      offset += UInt64(piece.count)
    }
    self.init(digest: try hash.finish(), sizeBytes: sizeBytes, place: place)
  }
}

/// SHA-256 of what comes piece by piece, told as a failure of ours where it cannot be had.
private final class Hash {
  private var stream: SHA256Stream

  init() throws(Failure) {
    do throws(CryptoError) { stream = try SHA256Stream() } catch { throw Self.failure(error) }
  }

  func update(_ bytes: ArraySlice<UInt8>) throws(Failure) {
    do throws(CryptoError) { try stream.update(bytes) } catch { throw Self.failure(error) }
  }

  func finish() throws(Failure) -> [UInt8] {
    do throws(CryptoError) { return try stream.finish() } catch { throw Self.failure(error) }
  }

  private static func failure(_ error: CryptoError) -> Failure { Failure(.refused, "hash a blob: \(error)") }
}
