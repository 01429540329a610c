import Basics
import CSystem
import Images
import LinuxSystem

/// The files of a tar archive that may belong to an image, found by reading its headers and passing over the data.
struct ArchiveFiles: PackageFiles {
  private struct Entry {
    let name: [UInt8]
    let offset: UInt64
    let sizeBytes: UInt64
  }

  let path: String
  private var entries: [Entry] = []

  private static let maximumEntries = 1024
  private static let readBytes: UInt64 = 4096

  init(_ path: String) throws(Failure) {
    self.path = path
    var status = system_file_status()
    guard system_stat(path, &status) == 0 else { throw Failure(.refused, "push \(path): it is not there") }
    let reader = try BlobReader(path: path, offset: 0)
    do throws(TarError) {
      try scan(sizeBytes: status.size_bytes) { (range) throws(TarError) in
        do throws(Failure) { return try reader.read(range) } catch {
          throw TarError(.truncated, offset: range.lowerBound)
        }
      }
    } catch {
      throw Failure(.refused, "push \(path): it is no archive: \(error)")
    }
  }

  func has(_ name: String) -> Bool { find(name) != nil }

  func find(_ name: String) -> (place: BlobSource.Place, sizeBytes: UInt64)? {
    guard let entry = entries.last(where: { $0.name.elementsEqual(name.utf8) }) else { return nil }
    return (.file(path: path, offset: entry.offset), entry.sizeBytes)
  }

  private mutating func scan(
    sizeBytes: UInt64, read: (Range<UInt64>) throws(TarError) -> [UInt8]
  ) throws(TarError) {
    var tar = TarReader()
    var bytes: ArraySlice<UInt8> = []
    // Where the bytes that were not taken yet begin.
    var offset: UInt64 = 0
    while true {
      guard let event = try tar.next(&bytes) else {
        offset = tar.position
        if offset >= sizeBytes { break }
        bytes = try read(offset..<min(sizeBytes, offset + Self.readBytes))[...]
        continue
      }
      guard case .entry(let entry) = event else { continue }
      let start = tar.position
      note(entry, at: start)
      let skipped = tar.passOverData()
      bytes = bytes.dropFirst(Int(min(skipped, UInt64(bytes.count))))
      if tar.position > sizeBytes { throw TarError(.truncated, offset: start) }
    }
    try tar.finish()
  }

  /// A root file system has many files: of them none is asked for.
  private mutating func note(_ entry: TarEntry, at offset: UInt64) {
    guard entry.kind == .file, entries.count < Self.maximumEntries, Self.mayBelong(entry.path) else { return }
    entries.append(Entry(name: entry.path, offset: offset, sizeBytes: entry.sizeBytes))
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
