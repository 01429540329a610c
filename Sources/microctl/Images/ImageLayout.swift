import Basics
import Images
import LinuxSystem

/// The files that make a directory or an archive an OCI image layout.
enum LayoutName {
  static let mark = "oci-layout"
  static let index = "index.json"
}

/// An OCI image layout: `oci-layout`, `index.json`, and blobs by their digests.
struct ImageLayout<Source: PackageFiles> {
  /// An index may name another one, as those of several platforms do.
  private static var mostIndexes: Int { 4 }

  private let files: Source

  init(_ files: Source) {
    self.files = files
  }

  func package(_ architectures: [String]) throws(Failure) -> ImagePackage {
    do throws(ImageError) {
      var bytes = try read(LayoutName.index, ImageIndex.maximumBytes)
      var name: String?
      for _ in 0..<Self.mostIndexes {
        let index = try ImageIndex(parsing: bytes)
        let chosen = try index.choose(architectures: architectures)
        if name == nil { name = index.entries.first { $0.descriptor == chosen }?.referenceName }
        bytes = try read(Self.blobName(chosen), ImageManifest.maximumBytes)
        if chosen.kind != .index { return try package(chosen, bytes, name) }
      }
      throw ImageError(.index, "more than \(Self.mostIndexes) of them, one in the other")
    } catch {
      throw Failure(.refused, "push \(files.path): \(error)")
    }
  }

  private func package(
    _ descriptor: ImageDescriptor, _ bytes: [UInt8], _ name: String?
  ) throws(ImageError) -> ImagePackage {
    let manifest = try ImageManifest(parsing: bytes)
    var layers: [BlobSource] = []
    for layer in manifest.layers {
      if layer.kind == .layer(.zstd) {
        throw ImageError(
          .manifest, "layers: compressed with zstd: write it with gzip, as by `skopeo copy --dest-compress-format gzip`"
        )
      }
      layers.append(try blob(layer))
    }
    return ImagePackage(
      manifest: BlobSource(digest: descriptor.digest.bytes, sizeBytes: UInt64(bytes.count), place: .memory(bytes)),
      config: try blob(manifest.config), layers: layers, name: name)
  }

  private func blob(_ descriptor: ImageDescriptor) throws(ImageError) -> BlobSource {
    guard let (place, size) = files.find(Self.blobName(descriptor)), size == descriptor.sizeBytes else {
      throw ImageError(
        .manifest, "\(descriptor.digest) is missing, or not of \(descriptor.sizeBytes) bytes: the image is not whole")
    }
    return BlobSource(digest: descriptor.digest.bytes, sizeBytes: size, place: place)
  }

  private func read(_ name: String, _ limitBytes: Int) throws(ImageError) -> [UInt8] {
    do throws(Failure) { return try files.read(name, limitBytes: limitBytes) } catch {
      throw ImageError(.index, error.line)
    }
  }

  private static func blobName(_ descriptor: ImageDescriptor) -> String {
    "blobs/sha256/" + descriptor.digest.hexadecimal
  }
}
