/// Blobs that somebody brings and that are no image yet, counted against what each may bring.
///
/// Of blobs that an earlier agent was given nobody knows any more whose they are: whoever goes on with one is.
public struct BlobsUnderWay: Equatable, Sendable {
  private struct Entry: Equatable {
    let digest: [UInt8]
    let holder: [UInt8]
    let sizeBytes: UInt64
  }

  private var entries: [Entry] = []

  /// Of all; of more the oldest is not counted any more.
  public static let maximumCount = 256

  public init() {}

  public func bytes(of holder: [UInt8]) -> UInt64 {
    entries.reduce(0) { $1.holder == holder ? $0 + $1.sizeBytes : $0 }
  }

  /// Counts a blob, unless it is counted.
  ///
  /// - Parameter leftBytes: what its holder may bring besides what it holds already; nil: as much as it likes.
  /// - Returns: why it may not.
  public mutating func begin(_ block: BlobBlock, by holder: [UInt8], leftBytes: UInt64?) -> RequestError? {
    if entries.contains(where: { $0.digest == block.digest && $0.holder == holder }) { return nil }
    if let leftBytes {
      let left = leftBytes - min(leftBytes, bytes(of: holder))
      guard block.sizeBytes <= left else { return Self.tooMuch(block.sizeBytes, left) }
    }
    if entries.count >= Self.maximumCount { entries.removeFirst() }
    entries.append(Entry(digest: block.digest, holder: holder, sizeBytes: block.sizeBytes))
    return nil
  }

  /// The blob is an image's now, or nothing.
  public mutating func end(_ digest: [UInt8]) {
    entries.removeAll { $0.digest == digest }
  }

  /// What a member is told whose leases have no disk for it.
  public static func tooMuch(_ bytes: UInt64, _ left: UInt64) -> RequestError {
    let line =
      "disk: \(bytes / 1024) KiB asked for, \(left / 1024) KiB left of your leases: lease more, or remove images"
    return RequestError(.noRoom, line)
  }
}
