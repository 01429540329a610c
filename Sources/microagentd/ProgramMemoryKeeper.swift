import Basics
import EventLoop
import LinuxSystem

/// Keeps little of the program in memory: before the agent sleeps it gives back what its work has brought in. What is done
/// every second, as gossip, is soon back, and it is little; what is rare stays away.
///
/// Starting a container needs nearly all the code there is, in many turns of the loop, and those who start one often start
/// more. So after such work the program stays until nothing was done for a while. A young agent does not wait for that: it
/// does much for the first and only time.
final class ProgramMemoryKeeper {
  private static let youngMilliseconds: UInt64 = 15_000
  /// Whoever asks without pause is answered from what is in memory: bringing it back each time would cost more than the
  /// answers.
  private static let releasesPerSecond: UInt64 = 20
  private static let releaseBurst: UInt64 = 40

  private let loop: EventLoop
  private let started: Instant
  private var containerWork: Instant?
  private var releases = RateLimit()
  /// Wakes the loop once when there has been nothing to do for a while.
  private var quietTimer: Timer?
  private var sleepWatcher: SleepWatcher?

  init(on loop: EventLoop) {
    self.loop = loop
    started = loop.now
  }

  func start() throws(SystemError) {
    quietTimer = try Timer(on: loop) {}
    sleepWatcher = try SleepWatcher(on: loop) { [unowned(unsafe) self] in loopSleeps() }
  }

  func close() {
    quietTimer?.close()
    sleepWatcher?.close()
  }

  /// Somebody asks for something: looks after the memory once more when that is long done.
  func requestCame() {
    quietTimer?.start(milliseconds: ProgramMemory.quietMilliseconds)
  }

  func containersChange() {
    containerWork = loop.now
    requestCame()
  }

  private func loopSleeps() {
    let now = loop.now
    let isYoung = now.milliseconds(since: started) < Self.youngMilliseconds
    if !isYoung {
      if let containerWork, now.milliseconds(since: containerWork) < ProgramMemory.quietMilliseconds { return }
      // What asks may be no request at all, and the last to come: it is looked after later.
      guard releases.take(perSecond: Self.releasesPerSecond, burst: Self.releaseBurst, now: now) else {
        return requestCame()
      }
    }
    ProgramMemory.release()
  }
}
