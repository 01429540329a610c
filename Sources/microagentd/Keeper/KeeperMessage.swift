/// What the keeper and the agent say to each other: one fixed-size message each, some with descriptors.
struct KeeperMessage: Equatable {
  enum Kind: UInt32 {
    /// Agent to keeper: hold these two descriptors for the container, its log pipe and its log ring.
    case hold = 1
    /// Agent to keeper: close what you hold for the container.
    case drop = 2
    /// Agent to keeper: the end of this process is durable, forget it.
    case forgetEnd = 3
    /// Keeper to a new agent: what is held for the container, with the two descriptors.
    case held = 4
    /// Keeper to agent: a process that an earlier agent started has ended.
    case ended = 5
    /// Keeper to a new agent: that was all.
    case complete = 6
    /// A new agent to its keeper: tell all that you hold and know.
    case tellAll = 7
  }

  var kind: Kind
  /// The container's id, where one is meant.
  var container: UInt64 = 0
  /// The process's number, where one is meant, and how it ended.
  var process: Int32 = 0
  var code: Int32 = 0
  var bySignal = false
  /// It ended as a copy of the agent, before it ran its own program.
  var neverRan = false

  static let byteCount = 24

  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.byteCount)
    append(kind.rawValue, to: &bytes)
    append(UInt32(truncatingIfNeeded: container), to: &bytes)
    append(UInt32(truncatingIfNeeded: container >> 32), to: &bytes)
    append(UInt32(bitPattern: process), to: &bytes)
    append(UInt32(bitPattern: code), to: &bytes)
    append((bySignal ? Self.bySignalBit : 0) | (neverRan ? Self.neverRanBit : 0), to: &bytes)
    return bytes
  }

  private static let bySignalBit: UInt32 = 1
  private static let neverRanBit: UInt32 = 2

  init(
    _ kind: Kind, container: UInt64 = 0, process: Int32 = 0, code: Int32 = 0, bySignal: Bool = false,
    neverRan: Bool = false
  ) {
    self.kind = kind
    self.container = container
    self.process = process
    self.code = code
    self.bySignal = bySignal
    self.neverRan = neverRan
  }

  /// Nil where the bytes are not one whole message of a known kind.
  init?(_ bytes: ArraySlice<UInt8>) {
    guard bytes.count == Self.byteCount else { return nil }
    func word(_ number: Int) -> UInt32 {
      let start = bytes.startIndex + number * 4
      return (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << UInt32($1 * 8) }
    }
    guard let kind = Kind(rawValue: word(0)) else { return nil }
    self.kind = kind
    container = UInt64(word(1)) | UInt64(word(2)) << 32
    process = Int32(bitPattern: word(3))
    code = Int32(bitPattern: word(4))
    bySignal = word(5) & Self.bySignalBit != 0
    neverRan = word(5) & Self.neverRanBit != 0
  }

  private func append(_ word: UInt32, to bytes: inout [UInt8]) {
    for shift in stride(from: UInt32(0), to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
  }
}
