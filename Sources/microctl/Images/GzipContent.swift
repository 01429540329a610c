import CSystem
import Compression
import LinuxSystem

/// What a file in gzip holds, piece by piece.
final class GzipContent {
  private static let inputBytes = 64 * 1024
  private static let outputBytes = 256 * 1024

  private let path: String
  /// Whose business it is, for what goes wrong.
  private let verb: String
  private let file: FileDescriptor
  private let gunzip: Gunzip
  private let input = UnsafeMutableRawBufferPointer.allocate(byteCount: inputBytes, alignment: 1)
  /// What of the input is not used yet.
  private var rest: UnsafeMutableRawBufferPointer
  private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: outputBytes, alignment: 1)
  /// Is given each piece of the file as it is.
  private let tap: (ArraySlice<UInt8>) throws(Failure) -> Void

  init(
    _ path: String, verb: String = "push", tap: @escaping (ArraySlice<UInt8>) throws(Failure) -> Void = { _ in }
  ) throws(Failure) {
    self.path = path
    self.verb = verb
    self.tap = tap
    rest = UnsafeMutableRawBufferPointer(rebasing: input[..<0])
    do throws(SystemError) { file = try FileDescriptor.open(path, O_RDONLY) } catch {
      throw Failure(.refused, "\(verb): \(error)")
    }
    do throws(Gunzip.Failure) { gunzip = try Gunzip() } catch {
      throw Failure(.refused, "\(verb) \(path): no memory to uncompress it")
    }
  }

  deinit {
    input.deallocate()
    output.deallocate()
  }

  /// The next bytes; none at the end.
  func next() throws(Failure) -> [UInt8] {
    while true {
      if rest.isEmpty, try !readInput() {
        if gunzip.isBetweenMembers { return [] }
        throw Failure(.refused, "\(verb) \(path): it ends inside its gzip stream: copy it again")
      }
      let count: Int
      do throws(Gunzip.Failure) { count = try gunzip.inflate(&rest, into: output) } catch {
        throw Failure(.refused, "\(verb) \(path): its gzip stream is damaged: copy it again")
      }
      if count > 0 { return Array(output[..<count]) }
    }
  }

  /// Whether there is more.
  private func readInput() throws(Failure) -> Bool {
    let count = system_read(file.rawValue, input.baseAddress, input.count)
    if count < 0 { throw Failure(.refused, "read \(path): \(Errno(rawValue: CInt(-count)))") }
    rest = UnsafeMutableRawBufferPointer(rebasing: input[..<Int(count)])
    try tap(Array(rest)[...])
    return count > 0
  }
}
