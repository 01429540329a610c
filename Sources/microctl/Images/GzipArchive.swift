/// What a file in gzip holds, read in any order; nothing of it is written to another file. Who goes back further than is kept has it
/// uncompressed anew from the start.
final class GzipArchive {
  /// Streams of one push read at places close to each other.
  private static let keptBytes = 1 << 20

  let path: String
  private var content: GzipContent
  /// The last bytes that were read, and where in the content they begin.
  private var window: [UInt8] = []
  private var start: UInt64 = 0

  init(_ path: String) throws(Failure) {
    self.path = path
    content = try GzipContent(path)
  }

  /// The bytes from an offset on, at most so many: none at the end of the content, nil beyond it.
  func read(at offset: UInt64, most count: Int) throws(Failure) -> [UInt8]? {
    if offset < start { try beginAnew() }
    let end = offset + UInt64(count)
    while start + UInt64(window.count) < end {
      let piece = try content.next()
      if piece.isEmpty { break }
      forget(before: offset)
      window += piece
    }
    guard start + UInt64(window.count) >= offset else { return nil }
    return Array(window.dropFirst(Int(offset - start)).prefix(count))
  }

  private func beginAnew() throws(Failure) {
    content = try GzipContent(path)
    window = []
    start = 0
  }

  private func forget(before offset: UInt64) {
    let unwanted = min(UInt64(max(window.count - Self.keptBytes, 0)), offset - start)
    window.removeFirst(Int(unwanted))
    start += unwanted
  }
}
