import CZlib

/// Inflates gzip (RFC 1952), also of several members in a row, as tools write them that compress in parallel.
public final class Gunzip {
  public enum Failure: Error {
    case damaged
    case outOfMemory
  }

  // zlib remembers where this lies.
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  /// Between members, where the blob may end.
  public private(set) var isBetweenMembers = false

  public init() throws(Failure) {
    stream.initialize(to: z_stream())
    if zlib_begin_gunzip(stream) != Z_OK { throw .outOfMemory }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  /// Takes from the front of `input` and fills `output`; returns how much of it. Zero: it needs more input.
  public func inflate(
    _ input: inout UnsafeMutableRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(Failure) -> Int {
    var written = 0
    while input.count > 0, written == 0 {
      if isBetweenMembers {
        if inflateReset(stream) != Z_OK { throw .damaged }
        isBetweenMembers = false
      }
      stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
      stream.pointee.avail_in = UInt32(input.count)
      stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
      stream.pointee.avail_out = UInt32(output.count)
      let result = CZlib.inflate(stream, Z_NO_FLUSH)
      input = UnsafeMutableRawBufferPointer(rebasing: input[(input.count - Int(stream.pointee.avail_in))...])
      written = output.count - Int(stream.pointee.avail_out)
      switch result {
      case Z_OK, Z_BUF_ERROR: break
      case Z_STREAM_END: isBetweenMembers = true
      case Z_MEM_ERROR: throw .outOfMemory
      default: throw .damaged
      }
    }
    return written
  }
}
