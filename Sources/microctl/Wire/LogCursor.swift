import MicroAgent
import Microcloud

/// Where in a container's output the reader is, so that a new connection neither loses nor repeats a byte.
struct LogCursor {
  /// The offset of the next byte to show; nil: wherever the first answer begins.
  private(set) var next: UInt64?

  init(at next: UInt64? = nil) {
    self.next = next
  }

  /// What of an answer is new, and how many bytes before it were overwritten before they could be read.
  mutating func accept(offset: UInt64, _ bytes: [UInt8]) -> (missing: UInt64, fresh: ArraySlice<UInt8>) {
    let expected = next ?? offset
    let missing = offset > expected ? offset - expected : 0
    let known = offset < expected ? expected - offset : 0
    let fresh = known >= UInt64(bytes.count) ? [] : bytes[Int(known)...]
    let (end, overflow) = offset.addingReportingOverflow(UInt64(bytes.count))
    next = max(expected, overflow ? .max : end)
    return (missing, fresh)
  }

  /// Writes what is new of an answer; returns whether it was the last one for now, and whether it brought nothing.
  mutating func show(_ answer: CBORValue, on output: Output) throws(Failure) -> (isEnd: Bool, isEmpty: Bool) {
    let bytes = answer[.data]?.bytesValue ?? []
    let (missing, fresh) = accept(offset: answer[.offset]?.unsignedValue ?? next ?? 0, bytes)
    if missing > 0 {
      try output.flush()
      Output.complain("\(missing) bytes of output were overwritten before they could be read")
    }
    try output.write(fresh)
    return (answer[.isEnd]?.boolValue ?? false, bytes.isEmpty)
  }
}
