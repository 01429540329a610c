import CSystem
import Compression
import Images
import LinuxSystem

/// A blob that is a squashfs image: its reader has bytes from anywhere, as they are or inflated.
final class SquashfsBlob: SquashfsSource {
  private let blob: CInt
  private let inflater: ZlibInflater
  // They grow to what the image's largest block needs.
  private var input: [UInt8] = []
  private var output: [UInt8] = []

  /// Reads from a descriptor that is lent.
  init(blob: CInt) throws(UnpackError) {
    self.blob = blob
    do throws(ZlibInflater.Failure) { inflater = try ZlibInflater() } catch {
      throw UnpackError("no memory to uncompress it")
    }
  }

  func read(_ count: Int, at offset: UInt64) throws(SquashfsError) -> ArraySlice<UInt8> {
    try Self.fill(&input, count, from: blob, at: offset)
    return input[..<count]
  }

  func inflate(_ count: Int, at offset: UInt64, limitBytes: Int) throws(SquashfsError) -> ArraySlice<UInt8> {
    try Self.fill(&input, count, from: blob, at: offset)
    if output.count < limitBytes { output = [UInt8](repeating: 0, count: limitBytes) }
    do throws(ZlibInflater.Failure) {
      let from = input.withUnsafeMutableBytes { $0 }
      let to = output.withUnsafeMutableBytes { $0 }
      let inflated = try inflater.inflate(
        UnsafeMutableRawBufferPointer(rebasing: from[..<count]),
        into: UnsafeMutableRawBufferPointer(rebasing: to[..<limitBytes]))
      return output[..<inflated]
    } catch .damaged {
      throw SquashfsError(.damagedBlock, offset: offset)
    } catch {
      throw SquashfsError(.unreadable("no memory to uncompress it"), offset: offset)
    }
  }

  private static func fill(
    _ buffer: inout [UInt8], _ count: Int, from blob: CInt, at offset: UInt64
  ) throws(SquashfsError) {
    if buffer.count < count { buffer = [UInt8](repeating: 0, count: count) }
    var filled = 0
    while filled < count {
      let place = Int64(offset) + Int64(filled)
      let result = buffer.withUnsafeMutableBytes {
        system_pread(blob, $0.baseAddress.map { $0 + filled }, count - filled, place)
      }
      if result < 0 {
        throw SquashfsError(.unreadable("read its blob: \(Errno(rawValue: CInt(-result)))"), offset: offset)
      }
      if result == 0 { throw SquashfsError(.truncated, offset: offset) }
      filled += Int(result)
    }
  }
}
