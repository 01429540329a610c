import Basics
import TestSupport
import Testing

@testable import Microcloud

/// Whole boards in virtual time, many times over.
struct RegistrationWorldTests {
  @Test(arguments: 1...5 as ClosedRange<UInt64>) func boardsMeetWithoutAnySetting(seed: UInt64) {
    let world = RegistrationWorld(seed: seed)
    for _ in 0..<10 { world.switchOn(world.add()) }
    let milliseconds = world.run(upTo: 20_000) { world.areTogether(0..<10) }
    #expect(milliseconds != nil, "seed \(seed):\n\(world.report)")
    print("seed", seed, milliseconds ?? 0)
    print(world.report)
  }
}
