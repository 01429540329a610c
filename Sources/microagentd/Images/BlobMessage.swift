import MicroAgent
import Microcloud

/// What the agent asks of the process that has the blobs: an array of a number, which the answer repeats, the kind, and what it
/// needs.
enum BlobTask: Equatable {
  /// What of a blob is there.
  case status(digest: [UInt8])
  /// A piece to be written.
  case write(digest: [UInt8], sizeBytes: UInt64, offset: UInt64, bytes: [UInt8])
  /// All of a small blob that is complete.
  case read(digest: [UInt8], limitBytes: UInt64)
  /// Blobs and layers that are not needed any more.
  case remove(blobs: [[UInt8]], layers: [[UInt8]])
  /// What an earlier agent left of layers: of those that are `known` only what stands beside them.
  case sweep(layers: [[UInt8]], known: [[UInt8]])
  /// Who a user is in these layers, of which the first is the uppermost.
  case account(user: String, layers: [[UInt8]])

  func message(number: UInt64) -> [UInt8] {
    var items: [CBORValue] = [.unsigned(number)]
    switch self {
    case .status(let digest): items += [0, .bytes(digest)]
    case .write(let digest, let size, let offset, let bytes):
      items += [1, .bytes(digest), .unsigned(size), .unsigned(offset), .bytes(bytes)]
    case .read(let digest, let limit): items += [2, .bytes(digest), .unsigned(limit)]
    case .remove(let blobs, let layers):
      items += [3, .array(blobs.map { .bytes($0) }), .array(layers.map { .bytes($0) })]
    case .sweep(let layers, let known):
      items += [4, .array(layers.map { .bytes($0) }), .array(known.map { .bytes($0) })]
    case .account(let user, let layers): items += [5, .text(user), .array(layers.map { .bytes($0) })]
    }
    return CBORValue.array(items).encoded
  }

  /// Reads what `message` writes; nil: it is something else.
  static func read(_ message: [UInt8]) -> (number: UInt64, task: BlobTask)? {
    let limits = CBORLimits(depth: 4, items: 1024, inputBytes: maximumMessageBytes)
    guard let items = try? CBORDecoder.decode(message, limits: limits).arrayValue, items.count >= 3,
      let number = items[0].unsignedValue
    else { return nil }
    switch (items[1].unsignedValue, items.count) {
    case (0, 3): return items[2].bytesValue.map { (number, .status(digest: $0)) }
    case (1, 6):
      guard let digest = items[2].bytesValue, let size = items[3].unsignedValue, let offset = items[4].unsignedValue,
        let bytes = items[5].bytesValue
      else { return nil }
      return (number, .write(digest: digest, sizeBytes: size, offset: offset, bytes: bytes))
    case (2, 4):
      guard let digest = items[2].bytesValue, let limit = items[3].unsignedValue else { return nil }
      return (number, .read(digest: digest, limitBytes: limit))
    case (3, 4):
      return (number, .remove(blobs: digests(items[2]), layers: digests(items[3])))
    case (4, 4):
      return (number, .sweep(layers: digests(items[2]), known: digests(items[3])))
    case (5, 4):
      return items[2].textValue.map { (number, .account(user: $0, layers: digests(items[3]))) }
    default: return nil
    }
  }

  private static func digests(_ value: CBORValue) -> [[UInt8]] {
    value.arrayValue?.compactMap { $0.bytesValue } ?? []
  }

  /// A block of the largest message that a stream brings, and what stands around it.
  static let maximumMessageBytes = CoAPStreamDecoder.maximumMessageBytes + 1024
}

/// What became of a task.
enum BlobAnswer: Equatable {
  /// How large the blob is, and what of it is there; nothing of one that is not.
  case status(sizeBytes: UInt64, have: ByteRuns, isComplete: Bool)
  /// The piece is written, though it need not be durable.
  case written
  /// All of the blob is there, has the digest that it should, and is durable.
  case complete
  /// All of it was there, and had another digest: it is gone.
  case wrongDigest
  /// So many bytes of the disk are lacking.
  case noSpace(lackBytes: UInt64)
  case content([UInt8])
  case account(ImageDefaults.Account)
  case done
  case failed(String)

  func message(number: UInt64) -> [UInt8] {
    var items: [CBORValue] = [.unsigned(number)]
    switch self {
    case .status(let size, let have, let isComplete): items += [0, .unsigned(size), have.value, .bool(isComplete)]
    case .written: items.append(1)
    case .complete: items.append(2)
    case .wrongDigest: items.append(3)
    case .noSpace(let lack): items += [4, .unsigned(lack)]
    case .content(let bytes): items += [5, .bytes(bytes)]
    case .done: items.append(6)
    case .failed(let line): items += [7, .text(line)]
    case .account(let account): items += [8, .unsigned(UInt64(account.user)), .unsigned(UInt64(account.group))]
    }
    return CBORValue.array(items).encoded
  }

  static func read(_ message: [UInt8]) -> (number: UInt64, answer: BlobAnswer)? {
    let limits = CBORLimits(depth: 4, items: 1024, inputBytes: BlobTask.maximumMessageBytes)
    guard let items = try? CBORDecoder.decode(message, limits: limits).arrayValue, items.count >= 2,
      let number = items[0].unsignedValue
    else { return nil }
    switch (items[1].unsignedValue, items.count) {
    case (0, 5):
      guard let size = items[2].unsignedValue, let have = ByteRuns(items[3]), let isComplete = items[4].boolValue else {
        return nil
      }
      return (number, .status(sizeBytes: size, have: have, isComplete: isComplete))
    case (1, 2): return (number, .written)
    case (2, 2): return (number, .complete)
    case (3, 2): return (number, .wrongDigest)
    case (4, 3): return items[2].unsignedValue.map { (number, .noSpace(lackBytes: $0)) }
    case (5, 3): return items[2].bytesValue.map { (number, .content($0)) }
    case (6, 2): return (number, .done)
    case (7, 3): return items[2].textValue.map { (number, .failed($0)) }
    case (8, 4):
      guard let user = items[2].unsignedValue.flatMap({ UInt32(exactly: $0) }),
        let group = items[3].unsignedValue.flatMap({ UInt32(exactly: $0) })
      else { return nil }
      return (number, .account(ImageDefaults.Account(user: user, group: group)))
    default: return nil
    }
  }
}
