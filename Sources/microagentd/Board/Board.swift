import EventLoop
import LinuxSystem
import MicroAgent

/// The board that the agent is the main program of: its watchdog, lights, button, and what is known of its resets.
final class Board {
  private let root: BoardRoot
  private(set) var watchdog: HardwareWatchdog?
  private let lights: Lights
  private(set) var button: Button?
  var history: ResetHistory
  /// How far the node is in leaving, after the button was held.
  var leave = BoardLights.Leave.none
  /// Somebody has asked for numbers, until the timer says that it was long enough.
  private(set) var showsNumbers = false
  private var numbersTimer: Timer?
  private var tickTimer: Timer?
  private var onTick: (() -> Void)?

  /// Where there is no watchdog: how often is looked whether the lights are right.
  private static let tickMilliseconds: UInt64 = 15_000

  /// Opens what the board has; what it has not is nothing to complain of.
  init(_ root: BoardRoot, kept: [UInt8]) {
    self.root = root
    history = ResetHistory(encoded: kept)
    lights = Lights(root)
    watchdog = HardwareWatchdog(root)
  }

  /// Counts the start. Returns whether there is something new to keep.
  func noteStart(before: ResetHistory.AgentEnd?) -> Bool {
    history.start(
      boot: root.bootID, wasWatchdog: watchdog?.hasReset ?? false, before: before, atSeconds: Clock.wallSeconds())
  }

  /// - Parameters:
  ///   - onTick: is called four times in the watchdog's time, to feed it, perhaps.
  ///   - onButton: see `Button`.
  func start(
    on loop: EventLoop, onTick: @escaping () -> Void, onButton: @escaping (ButtonPress.Wish?) -> Void
  ) throws(SystemError) {
    self.onTick = onTick
    tickTimer = try Timer(on: loop) { [unowned(unsafe) self] in tick() }
    numbersTimer = try Timer(on: loop) { [unowned(unsafe) self] in
      showsNumbers = false
      onButton(nil)
    }
    button = try Button(root, on: loop, onChange: onButton)
    tick()
  }

  private func tick() {
    // A process that is about to become a container's may have had it open when the agent before this one died.
    if watchdog == nil { watchdog = HardwareWatchdog(root) }
    onTick?()
    tickTimer?.start(milliseconds: watchdog.map { $0.timeoutSeconds * 250 } ?? Self.tickMilliseconds)
  }

  func showNumbers() {
    showsNumbers = true
    numbersTimer?.start(milliseconds: BoardLights.numbersMilliseconds)
  }

  func show(_ facts: BoardLights.Facts) { lights.show(BoardLights(facts)) }

  /// The watchdog goes on, with as much time as it can have.
  func close() {
    watchdog?.feed()
    for timer in [tickTimer, numbersTimer] { timer?.close() }
    button?.close()
    onTick = nil
  }
}
