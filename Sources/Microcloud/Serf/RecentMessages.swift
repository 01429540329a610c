/// Which events or queries came lately: each of them comes many times, and is to be heard and passed on once.
struct RecentMessages {
  /// How far back it goes, on the logical clock of the messages.
  static let count: UInt64 = 512
  /// How many messages of the same logical time are told apart; more than that are dropped.
  static let maximumAtOneTime = 16

  private struct Slot {
    var time: LamportTime = 0
    var hashes: [UInt64] = []
  }

  /// What is older was heard before a restart.
  private let start: LamportTime
  /// By time modulo `count`. Empty until something comes.
  private var slots: [Slot] = []

  init(from start: LamportTime) {
    self.start = start
  }

  /// Takes note of a message with this content; false if it has come before, or is too old to tell.
  mutating func insert(time: LamportTime, now: LamportTime, content: [UInt8]) -> Bool {
    if time < start { return false }
    if now.rawValue > Self.count && time.rawValue < now.rawValue - Self.count { return false }
    if slots.isEmpty { slots = Array(repeating: Slot(), count: Int(Self.count)) }
    let index = Int(time.rawValue % Self.count)
    if slots[index].time != time { slots[index] = Slot(time: time) }
    let hash = Self.hash(content)
    guard slots[index].hashes.count < Self.maximumAtOneTime, !slots[index].hashes.contains(hash) else { return false }
    slots[index].hashes.append(hash)
    return true
  }

  /// FNV-1a. Whoever makes two messages collide loses one of their own.
  private static func hash(_ content: [UInt8]) -> UInt64 {
    content.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }
}
