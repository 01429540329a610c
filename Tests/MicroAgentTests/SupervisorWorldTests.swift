import Foundation
import Testing

@testable import MicroAgent

/// Thousands of lives of a board, each from a seed: see `SupervisorWorld`.
@Suite struct SupervisorWorldTests {
  /// Some minutes of a debug build; `MICROAGENT_LIVES=20000` are more.
  static let seeds: ClosedRange<UInt64> =
    1...(ProcessInfo.processInfo.environment["MICROAGENT_LIVES"].flatMap { UInt64($0) } ?? 2_000)

  @Test func noCrashLosesOrDoublesAnything() {
    for seed in Self.seeds {
      guard let failure = Self.live(seed) else { continue }
      Issue.record("seed \(seed): \(failure)")
      return
    }
  }

  @Test func theSameSeedLivesTheSameLife() {
    let lives = (0..<2).map { _ in
      let world = SupervisorWorld(seed: 7, traces: true)
      try? world.run()
      return world.history
    }
    #expect(!lives[0].isEmpty)
    #expect(lives[0] == lives[1])
  }

  @Test func noLeaseIsLostDoubledOrOutlived() {
    for seed in Self.seeds {
      guard let failure = Self.live(seed, hasLeases: true) else { continue }
      Issue.record("seed \(seed): \(failure)")
      return
    }
  }

  /// Lives that something was wrong with once.
  @Test(arguments: [225, 18_020] as [UInt64]) func whatWentWrongOnceDoesNotAgain(_ seed: UInt64) {
    #expect(Self.live(seed, hasLeases: true) == nil)
  }

  /// What went wrong with this seed, and its whole history; nil: nothing.
  static func live(_ seed: UInt64, hasLeases: Bool = false) -> String? {
    do {
      try SupervisorWorld(seed: seed, hasLeases: hasLeases).run()
      return nil
    } catch {
      let world = SupervisorWorld(seed: seed, traces: true, hasLeases: hasLeases)
      try? world.run()
      return "\(error)\n" + world.history.joined(separator: "\n")
    }
  }
}
