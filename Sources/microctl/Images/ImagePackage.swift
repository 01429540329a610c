import CSystem
import Images
import LinuxSystem
import MicroAgent

/// An image as a file or a directory on this machine has it: the blobs that a node needs.
struct ImagePackage {
  let manifest: BlobSource
  let config: BlobSource
  /// From the lowest to the uppermost.
  let layers: [BlobSource]
  /// What it calls itself; nil: nothing.
  let name: String?

  /// In the order in which they are brought; a layer that is there twice is brought once.
  var blobs: [BlobSource] {
    var blobs: [BlobSource] = []
    for blob in layers + [config, manifest] where !blobs.contains(where: { $0.digest == blob.digest }) {
      blobs.append(blob)
    }
    return blobs
  }

  /// Finds out by its content what is at a path, and takes what is for one of these architectures, the first the best.
  static func open(_ path: String, architectures: [String]) throws(Failure) -> ImagePackage {
    if Files.isDirectory(path) {
      guard Files.exists(path + "/" + LayoutName.mark) else {
        let advice = "make an archive of a root file system: tar -C \(path) -cf image.tar ."
        throw Failure(.refused, "push \(path): it is a directory, and no OCI image layout: \(advice)")
      }
      return try ImageLayout(DirectoryFiles(path)).package(architectures)
    }
    switch try kind(of: path) {
    case .gzip:
      if let root = try RootImage(gzip: path) { return try root.package(architectures) }
      if let package = try package(in: ArchiveFiles(gzip: path), architectures) { return package }
      throw Failure(
        .refused, "push \(path): it has some of an image's files, but neither an index nor a list of layers")
    case .squashfs: return try RootImage(path, .squashfs).package(architectures)
    case .archive:
      if let package = try package(in: ArchiveFiles(path), architectures) { return package }
      return try RootImage(path, .layer(.none)).package(architectures)
    }
  }

  /// Nil: an archive has no image's files in it.
  private static func package(in archive: ArchiveFiles, _ architectures: [String]) throws(Failure) -> ImagePackage? {
    if archive.has(LayoutName.mark), archive.has(LayoutName.index) {
      return try ImageLayout(archive).package(architectures)
    }
    return archive.has(DockerArchive.listName) ? try DockerPackage(archive).package() : nil
  }

  private enum Kind { case archive, gzip, squashfs }

  private static func kind(of path: String) throws(Failure) -> Kind {
    let start: [UInt8]
    do throws(SystemError) { start = try Files.read(path, limitBytes: SquashfsHeader.byteCount) } catch {
      throw Failure(.refused, "push: \(error)")
    }
    if start.starts(with: [0x1F, 0x8B]) { return .gzip }
    guard SquashfsHeader.isSquashfs(start[...]) else { return .archive }
    // Who waits for a slow link should not learn at its end that the node cannot read it.
    do throws(SquashfsError) { _ = try SquashfsHeader(parsing: start[...]) } catch {
      throw Failure(.refused, "push \(path): \(error)")
    }
    return .squashfs
  }
}

/// What a package is read from: files by name.
protocol PackageFiles {
  /// Where it is, for messages.
  var path: String { get }
  func has(_ name: String) -> Bool
  /// Where a file's bytes are; nil: there is no such file.
  func find(_ name: String) -> (place: BlobSource.Place, sizeBytes: UInt64)?
}

extension PackageFiles {
  /// All of a small file.
  func read(_ name: String, limitBytes: Int) throws(Failure) -> [UInt8] {
    guard let (place, size) = find(name) else {
      throw Failure(.refused, "push \(path): \(name) is missing: the image is not whole")
    }
    guard size <= UInt64(limitBytes) else {
      throw Failure(.refused, "push \(path): \(name) has \(size) bytes, more than \(limitBytes)")
    }
    let blob = BlobSource(digest: [], sizeBytes: size, place: place)
    return try blob.reader().read(0..<size)
  }
}

/// The files of a directory.
struct DirectoryFiles: PackageFiles {
  let path: String

  init(_ path: String) {
    self.path = path
  }

  func has(_ name: String) -> Bool { Files.exists(path + "/" + name) }

  func find(_ name: String) -> (place: BlobSource.Place, sizeBytes: UInt64)? {
    var status = system_file_status()
    guard system_stat(path + "/" + name, &status) == 0 else { return nil }
    return (.file(path: path + "/" + name, offset: 0), status.size_bytes)
  }
}
