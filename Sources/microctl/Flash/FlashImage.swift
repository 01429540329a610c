import CSystem
import LinuxSystem

/// An image file, piece by piece from its beginning; one in gzip is inflated.
final class FlashImage {
  /// Of each piece but the last.
  static let pieceBytes = 1 << 20

  private let path: String
  private let next: () throws(Failure) -> [UInt8]
  private var rest: [UInt8] = []

  init(_ path: String) throws(Failure) {
    self.path = path
    let magic: [UInt8]
    do throws(SystemError) { magic = try Files.read(path, limitBytes: 2) } catch {
      throw Failure(.refused, "flash: \(error)")
    }
    if magic == [0x1F, 0x8B] {
      let content = try GzipContent(path, verb: "flash")
      next = { () throws(Failure) in try content.next() }
    } else {
      let content = try PlainContent(path)
      next = { () throws(Failure) in try content.next() }
    }
  }

  /// The next piece; empty at the end.
  func piece() throws(Failure) -> [UInt8] {
    while rest.count < Self.pieceBytes {
      let more = try next()
      if more.isEmpty { break }
      rest += more
    }
    let piece = Array(rest.prefix(Self.pieceBytes))
    rest.removeFirst(piece.count)
    return piece
  }

  /// Reads an image whole, so that a damaged one is found before anything is written.
  static func survey(_ path: String) throws(Failure) -> (layout: FlashLayout, sizeBytes: UInt64) {
    let image = try FlashImage(path)
    var piece = try image.piece()
    guard let headBytes = FlashLayout.headBytes(firstSector: piece[...].prefix(PartitionTable.sectorBytes)) else {
      throw Failure(.refused, "flash \(path): that is no image for a board: give one that `make image` made")
    }
    var head: [UInt8] = []
    head.reserveCapacity(headBytes)
    var sizeBytes: UInt64 = 0
    while !piece.isEmpty {
      sizeBytes += UInt64(piece.count)
      head += piece.prefix(headBytes - head.count)
      piece = try image.piece()
    }
    do throws(FlashProblem) {
      return (try FlashLayout(head: head, imageBytes: sizeBytes), sizeBytes)
    } catch {
      throw Failure(.refused, "flash \(path): that is no image for a board: \(error.text)")
    }
  }
}

/// What a file holds, piece by piece.
private final class PlainContent {
  private let path: String
  private let file: FileDescriptor

  init(_ path: String) throws(Failure) {
    self.path = path
    do throws(SystemError) { file = try FileDescriptor.open(path, O_RDONLY) } catch {
      throw Failure(.refused, "flash: \(error)")
    }
  }

  func next() throws(Failure) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 256 * 1024)
    let count = bytes.withUnsafeMutableBytes { system_read(file.rawValue, $0.baseAddress, $0.count) }
    if count < 0 { throw Failure(.refused, "flash: read \(path): \(Errno(rawValue: CInt(-count)))") }
    bytes.removeLast(bytes.count - count)
    return bytes
  }
}
