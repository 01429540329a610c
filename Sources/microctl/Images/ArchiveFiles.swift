import Basics
import CSystem
import Images
import LinuxSystem

/// The files of a tar archive that may belong to an image, found by reading its headers and passing over the data.
struct ArchiveFiles: PackageFiles {
  private struct Entry {
    let name: [UInt8]
    let place: BlobSource.Place
    let sizeBytes: UInt64
  }

  private enum Content {
    case file(BlobReader, sizeBytes: UInt64)
    case gzip(GzipArchive)
  }

  let path: String
  private let content: Content
  private var entries: [Entry] = []
  private var keptBytes: UInt64 = 0

  private static let maximumEntries = 1024
  private static let readBytes = 4096
  /// Small files in gzip are kept where they are found: each look back at one would uncompress all that is before it.
  private static let mostKeptBytes: UInt64 = 64 * 1024
  private static let mostKeptTogetherBytes: UInt64 = 4 << 20

  init(_ path: String) throws(Failure) {
    var status = system_file_status()
    guard system_stat(path, &status) == 0 else { throw Failure(.refused, "push \(path): it is not there") }
    try self.init(path, .file(try BlobReader(path: path, offset: 0), sizeBytes: status.size_bytes))
  }

  /// One that is in gzip as a whole.
  init(gzip path: String) throws(Failure) {
    try self.init(path, .gzip(try GzipArchive(path)))
  }

  private init(_ path: String, _ content: Content) throws(Failure) {
    self.path = path
    self.content = content
    var tar = TarReader()
    while let event = try next(&tar) { try take(event, &tar) }
  }

  func has(_ name: String) -> Bool { find(name) != nil }

  func find(_ name: String) -> (place: BlobSource.Place, sizeBytes: UInt64)? {
    entries.last { $0.name.elementsEqual(name.utf8) }.map { ($0.place, $0.sizeBytes) }
  }

  // MARK: Going through it

  /// The next event; nil at the archive's end.
  private func next(_ tar: inout TarReader) throws(Failure) -> TarReader.Event? {
    while true {
      guard let piece = try bytes(at: tar.position) else { throw noArchive(TarError(.truncated, offset: tar.position)) }
      var rest = piece[...]
      do throws(TarError) {
        if let event = try tar.next(&rest) { return event }
        if piece.isEmpty {
          try tar.finish()
          return nil
        }
      } catch {
        throw noArchive(error)
      }
    }
  }

  private mutating func take(_ event: TarReader.Event, _ tar: inout TarReader) throws(Failure) {
    guard case .entry(let entry) = event else { return }
    let start = tar.position
    _ = tar.passOverData()
    try note(entry, at: start)
  }

  /// Some bytes from there on: none at the end, nil beyond it.
  private func bytes(at offset: UInt64) throws(Failure) -> [UInt8]? {
    switch content {
    case .file(let reader, let size):
      return offset > size ? nil : try reader.read(offset..<min(size, offset + UInt64(Self.readBytes)))
    case .gzip(let archive): return try archive.read(at: offset, most: Self.readBytes)
    }
  }

  private func noArchive(_ error: TarError) -> Failure { Failure(.refused, "push \(path): it is no archive: \(error)") }

  /// A root file system has many files: of them none is asked for.
  private mutating func note(_ entry: TarEntry, at offset: UInt64) throws(Failure) {
    guard entry.kind == .file, entries.count < Self.maximumEntries, Self.mayBelong(entry.path) else { return }
    let place = try place(of: entry, at: offset)
    entries.append(Entry(name: entry.path, place: place, sizeBytes: entry.sizeBytes))
  }

  private mutating func place(of entry: TarEntry, at offset: UInt64) throws(Failure) -> BlobSource.Place {
    guard case .gzip(let archive) = content else { return .file(path: path, offset: offset) }
    guard entry.sizeBytes <= Self.mostKeptBytes, keptBytes + entry.sizeBytes <= Self.mostKeptTogetherBytes,
      let bytes = try archive.read(at: offset, most: Int(entry.sizeBytes)), UInt64(bytes.count) == entry.sizeBytes
    else { return .gzip(archive, offset: offset) }
    keptBytes += entry.sizeBytes
    return .memory(bytes)
  }

  /// Whether a file of this name makes an archive one of an image, and not of a root file system.
  static func isMark(_ name: [UInt8]) -> Bool {
    name.elementsEqual(LayoutName.mark.utf8) || name.elementsEqual(DockerArchive.listName.utf8)
  }

  private static func mayBelong(_ name: [UInt8]) -> Bool {
    name.elementsEqual(LayoutName.mark.utf8) || name.starts(with: "blobs/".utf8)
      || name.suffix(5).elementsEqual(".json".utf8) || name.suffix(4).elementsEqual(".tar".utf8)
  }
}
