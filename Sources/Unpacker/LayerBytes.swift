import CSystem
import Compression
import LinuxSystem

/// The uncompressed bytes of a layer's blob, piece by piece.
final class LayerBytes {
  private enum Form {
    case plain
    case gzip(Gunzip)
  }

  private static let inputBytes = 32 * 1024
  private static let outputBytes = 64 * 1024

  private let blob: CInt
  private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: inputBytes, alignment: 1)
  /// What of the input is not used yet.
  private var rest: UnsafeMutableRawBufferPointer
  private var output = [UInt8](repeating: 0, count: outputBytes)
  private var form: Form?
  /// How much of the blob was read.
  private(set) var blobBytes: UInt64 = 0

  /// Reads from a descriptor that is lent, from where it stands.
  init(blob: CInt) {
    self.blob = blob
    rest = UnsafeMutableRawBufferPointer(rebasing: input[..<0])
  }

  deinit {
    input.deallocate()
  }

  /// The next bytes; none at the end.
  func next() throws(UnpackError) -> ArraySlice<UInt8> {
    while true {
      if rest.isEmpty, try !readInput() {
        if case .gzip(let gunzip)? = form, !gunzip.isBetweenMembers {
          throw UnpackError("the blob ends inside its gzip stream: push it again")
        }
        return []
      }
      switch try recognizedForm() {
      case .plain:
        output.withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(rest)) }
        let count = rest.count
        rest = UnsafeMutableRawBufferPointer(rebasing: rest[count...])
        return output[..<count]
      case .gzip(let gunzip):
        let count = try inflate(gunzip)
        if count > 0 { return output[..<count] }
      }
    }
  }

  private func inflate(_ gunzip: Gunzip) throws(UnpackError) -> Int {
    do throws(Gunzip.Failure) {
      let (start, capacity) = output.withUnsafeMutableBytes { ($0.baseAddress, $0.count) }
      return try gunzip.inflate(&rest, into: UnsafeMutableRawBufferPointer(start: start, count: capacity))
    } catch .damaged {
      throw UnpackError("its gzip stream is damaged: push it again")
    } catch {
      throw UnpackError("no memory to uncompress it")
    }
  }

  /// Whether there is more.
  private func readInput() throws(UnpackError) -> Bool {
    let count = system_read(blob, input.baseAddress, input.count)
    try said { () throws(SystemError) in try check(count, "read", "its blob") }
    rest = UnsafeMutableRawBufferPointer(rebasing: input[..<Int(count)])
    blobBytes += UInt64(count)
    return count > 0
  }

  /// By the first bytes: what a media type says is not always so.
  private func recognizedForm() throws(UnpackError) -> Form {
    if let form { return form }
    let form: Form
    if rest.starts(with: [0x1F, 0x8B]) {
      do throws(Gunzip.Failure) {
        form = .gzip(try Gunzip())
      } catch {
        throw UnpackError("no memory to uncompress it")
      }
    } else if rest.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) {
      throw UnpackError(
        "layer: compressed by zstd: compress the image anew, as by `skopeo copy --dest-compress-format gzip`")
    } else {
      form = .plain
    }
    self.form = form
    return form
  }
}
