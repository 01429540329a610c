import Basics

/// What somebody wants who presses a board's only button: it is told by how long it is held.
///
/// A button that was held when the agent started, or that is stuck, says nothing: only a press that was seen to begin counts.
public struct ButtonPress: Equatable, Sendable {
  public enum Wish: Equatable, Sendable {
    /// A short press: show the state.
    case show
    /// Held for 5 s and let go: give no leases any more, and take leave.
    case leave
    /// Held for 15 s: forget everything.
    case reset
  }

  /// What letting go would mean now.
  public enum Stage: UInt8, Equatable, Sendable {
    case short, long, longest
  }

  public static let leaveMilliseconds: UInt64 = 5_000
  public static let resetMilliseconds: UInt64 = 15_000

  private var pressed: Instant?
  /// Nil: it is not pressed, or its press has had its effect.
  public private(set) var stage: Stage?

  public init() {}

  /// When `tick` is due.
  public var nextDeadline: Instant? {
    guard let pressed else { return nil }
    switch stage {
    case .short: return pressed.advanced(milliseconds: Self.leaveMilliseconds)
    case .long: return pressed.advanced(milliseconds: Self.resetMilliseconds)
    case .longest, nil: return nil
    }
  }

  /// The button went down; contacts bounce, so it may say so again.
  public mutating func press(now: Instant) {
    if pressed == nil { (pressed, stage) = (now, .short) }
  }

  /// It went up.
  public mutating func release(now: Instant) -> Wish? {
    let wish = tick(now: now)
    let last = stage
    (pressed, stage) = (nil, nil)
    if wish != nil { return wish }
    return last == .short ? .show : last == .long ? .leave : nil
  }

  /// Time has gone by.
  public mutating func tick(now: Instant) -> Wish? {
    guard let pressed, let before = stage, before != .longest else { return nil }
    let held = now.milliseconds(since: pressed)
    stage = held >= Self.resetMilliseconds ? .longest : held >= Self.leaveMilliseconds ? .long : .short
    return stage == .longest ? .reset : nil
  }
}

/// What a Linux input device says of a button (`struct input_event`, Documentation/input/event-codes.rst).
public enum InputEvent {
  /// EV_KEY
  private static let key: UInt16 = 1
  /// KEY_RESTART
  private static let restart: UInt16 = 0x198

  /// Whether the event says that the button went down, or up; nil: it says something else, or nothing that is new.
  ///
  /// - Parameter bytes: of one event; its last eight are type, code and value, in the machine's order, which is little-endian
  ///   on all boards. What is before them is the time.
  public static func isPress(_ bytes: ArraySlice<UInt8>) -> Bool? {
    let fields = Array(bytes.suffix(8))
    guard fields.count == 8, number(fields, 0) == key, number(fields, 2) == restart, number(fields, 6) == 0 else {
      return nil
    }
    // 2: it repeats itself while it is held.
    switch number(fields, 4) {
    case 0: return false
    case 1: return true
    default: return nil
    }
  }

  private static func number(_ bytes: [UInt8], _ index: Int) -> UInt16 {
    UInt16(bytes[index]) | UInt16(bytes[index + 1]) << 8
  }
}
