import Basics
import CSystem

/// What the unpacker tells the agent, a message each.
public enum UnpackReport: Equatable, Sendable {
  /// So much of the blob is unpacked.
  case progress(blobBytes: UInt64)
  /// What a program needs and this node lacks, as one line for a person: of each feature the first that has it.
  case notice(String)
  /// The layer is there, and durable. The last report.
  case done(Summary)
  /// Nothing of the layer is left; why, as one line for a person. The last report.
  case failed(String)

  public struct Summary: Equatable, Sendable {
    /// Of the archive, uncompressed; of a squashfs image, what an archive of its files would have at least.
    public var bytes: UInt64
    public var entries: UInt32
    /// Entries and attributes that were passed over: device nodes, or what the file system cannot hold.
    public var skipped: UInt32
  }

  /// The most bytes of a message.
  public static let maximumBytes = 1024

  var encoded: [UInt8] {
    switch self {
    case .progress(let count): [0] + BigEndian.bytes(count)
    case .done(let summary):
      [1] + BigEndian.bytes(summary.bytes) + BigEndian.bytes(UInt64(summary.entries) << 32 | UInt64(summary.skipped))
    case .notice(let line): [3] + line.utf8.prefix(Self.maximumBytes - 1)
    case .failed(let line): [2] + line.utf8.prefix(Self.maximumBytes - 1)
    }
  }

  /// Waits for room. Where nobody is left to hear it, nothing is to be done.
  func send(on socket: CInt) {
    let message = encoded
    _ = system_send_message(socket, message, message.count, nil, 0, 1)
  }

  /// Reads a message; nil: it is none of these.
  public init?(_ message: [UInt8]) {
    let rest = message.dropFirst()
    switch (message.first, rest.count) {
    case (0, 8): self = .progress(blobBytes: BigEndian.number(rest))
    case (1, 16):
      let counts = BigEndian.number(rest.dropFirst(8))
      let summary = Summary(
        bytes: BigEndian.number(rest.prefix(8)), entries: UInt32(counts >> 32),
        skipped: UInt32(truncatingIfNeeded: counts))
      self = .done(summary)
    case (2, _): self = .failed(ASCII.string(rest))
    case (3, _): self = .notice(ASCII.string(rest))
    default: return nil
    }
  }
}
