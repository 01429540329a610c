import CSystem
import LinuxSystem

/// The last of what a container wrote, in RAM, bounded; no crash of the agent loses or doubles a byte of it.
///
/// The container writes into a pipe. The kernel moves the bytes from there into a memory file (splice), whose size is the
/// count of all bytes ever written; what lies further back than the capacity is given back to the kernel (punched out). The
/// agent keeps no position of its own: pipe and file say it all, and the keeper holds both. Whether the agent dies before
/// or after a splice, each byte is in exactly one of them.
final class ContainerLog {
  private let pipe: FileDescriptor
  private let ring: FileDescriptor
  private let capacityBytes: UInt64
  /// Offset of the first byte that is still kept, in bytes since the container was made.
  private(set) var startOffset: UInt64 = 0
  /// Offset behind the last byte.
  private(set) var endOffset: UInt64 = 0
  /// Where the memory file's pages begin: everything before was given back.
  private var firstPageOffset: UInt64 = 0

  /// A pipe holds 64 KiB by default; more than this in one go would only hold up the loop.
  private static let spliceBytes = 64 * 1024
  private static let splicesPerDrain = 8
  private static let pageBytes: UInt64 = 4096

  /// - Parameters:
  ///   - pipe: the reading end, non-blocking.
  ///   - ring: a memory file that only logs of this container were written to.
  init(pipe: consuming FileDescriptor, ring: consuming FileDescriptor, capacityBytes: UInt64) throws(SystemError) {
    self.pipe = pipe
    self.ring = ring
    self.capacityBytes = capacityBytes
    try check(system_seek_end(self.ring.rawValue), "find the end of", "the log")
    measure()
    giveBack()
  }

  var pipeDescriptor: CInt { pipe.rawValue }
  var ringDescriptor: CInt { ring.rawValue }

  /// Moves what the container wrote into the ring. Returns whether anything came.
  func drain() -> Bool {
    let before = endOffset
    for _ in 0..<Self.splicesPerDrain {
      let moved = system_splice(pipe.rawValue, ring.rawValue, Self.spliceBytes)
      if moved <= 0 { break }
      measure()
      giveBack()
    }
    return endOffset != before
  }

  /// Moves everything that is there: for a container that has ended. What comes after that is not its own, but of others
  /// that it handed its output to, and is not waited for: they may write without end.
  func drainAll() {
    let end = endOffset + UInt64(max(0, system_pipe_bytes(pipe.rawValue)))
    while endOffset < end, drain() {}
  }

  /// At most `limitBytes` from an offset on. The offset comes back moved forward where older bytes are gone.
  func read(from wanted: UInt64, limitBytes: Int) -> (offset: UInt64, bytes: [UInt8]) {
    let offset = min(max(wanted, startOffset), endOffset)
    let count = min(UInt64(limitBytes), endOffset - offset)
    var bytes = [UInt8](repeating: 0, count: Int(count))
    let read = bytes.withUnsafeMutableBytes {
      system_pread(ring.rawValue, $0.baseAddress, $0.count, Int64(offset))
    }
    bytes.removeLast(bytes.count - max(0, Int(read)))
    return (offset, bytes)
  }

  /// The offset at which the last `lines` lines begin.
  func offset(ofLastLines lines: UInt64) -> UInt64 {
    let (offset, bytes) = read(from: startOffset, limitBytes: Int(capacityBytes))
    var remaining = lines
    var index = bytes.count
    while index > 0 {
      // A newline at the very end closes the last line; it does not begin another.
      if bytes[index - 1] == UInt8(ascii: "\n"), index < bytes.count {
        if remaining <= 1 { break }
        remaining -= 1
      }
      index -= 1
    }
    return lines == 0 ? offset + UInt64(bytes.count) : offset + UInt64(index)
  }

  private func measure() {
    var status = system_file_status()
    guard system_fstat(ring.rawValue, &status) == 0 else { return }
    endOffset = status.size_bytes
    startOffset = endOffset > capacityBytes ? endOffset - capacityBytes : 0
  }

  private func giveBack() {
    let keepFrom = startOffset / Self.pageBytes * Self.pageBytes
    guard keepFrom > firstPageOffset else { return }
    _ = system_punch_hole(ring.rawValue, Int64(firstPageOffset), Int64(keepFrom - firstPageOffset))
    firstPageOffset = keepFrom
  }
}
