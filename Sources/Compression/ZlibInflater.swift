import CZlib

/// Inflates blocks that are whole zlib streams (RFC 1950), one after the other.
public final class ZlibInflater {
  public enum Failure: Error {
    case damaged
    case outOfMemory
  }

  // zlib remembers where this lies.
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)

  public init() throws(Failure) {
    stream.initialize(to: z_stream())
    if zlib_begin_inflate(stream) != Z_OK { throw .outOfMemory }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  /// Inflates one block; returns how many bytes it is. One that does not fit is damaged.
  public func inflate(
    _ input: UnsafeMutableRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(Failure) -> Int {
    if inflateReset(stream) != Z_OK { throw .damaged }
    stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_in = UInt32(input.count)
    stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(output.count)
    switch CZlib.inflate(stream, Z_FINISH) {
    case Z_STREAM_END: return output.count - Int(stream.pointee.avail_out)
    case Z_MEM_ERROR: throw .outOfMemory
    default: throw .damaged
    }
  }
}
