import Basics
import Crypto
import MicroAgent
import Testing

struct OwnershipTests {
  private static func key(_ number: UInt8) -> P256.PublicKey {
    let scalar = [UInt8](repeating: 0, count: 31) + [number]
    return try! P256.PrivateKey(scalar: Secret(copying: scalar[...])).publicKey
  }

  private let ana = key(1)
  private let bruna = key(2)

  @Test func belongsToWhomTheConfigurationNames() {
    let ownership = Ownership(configured: ana, kept: nil)
    #expect(ownership.owner == ana)
    #expect(ownership.isConfigured)
    #expect(Ownership(configured: nil, kept: nil).owner == nil)
  }

  @Test func isRememberedWhenGivenAway() {
    for configured in [nil, ana] {
      var ownership = Ownership(configured: configured, kept: nil)
      ownership.give(to: bruna)
      let later = Ownership(configured: configured, kept: ownership.kept)
      #expect(later.owner == bruna)
      #expect(!later.isConfigured)
    }
  }

  @Test func goesBackWhenGivenToNobody() {
    var ownership = Ownership(configured: ana, kept: nil)
    ownership.give(to: bruna)
    ownership.give(to: nil)
    #expect(Ownership(configured: ana, kept: ownership.kept).owner == ana)
  }

  @Test func aNewLineInTheConfigurationHasTheLastWord() {
    var ownership = Ownership(configured: nil, kept: nil)
    ownership.give(to: bruna)
    #expect(Ownership(configured: ana, kept: ownership.kept).owner == ana)
  }

  @Test func whatIsKeptAndDamagedNamesNobody() {
    var ownership = Ownership(configured: ana, kept: nil)
    ownership.give(to: bruna)
    let kept = ownership.kept
    for count in 0..<kept.count {
      #expect(Ownership(configured: ana, kept: Array(kept.prefix(count))).owner == ana)
    }
  }

  @Test func theWindowClosesByItself() {
    var window = ClaimWindow()
    let now = Instant(nanoseconds: 5_000_000_000)
    #expect(window.secondsLeft(now: now) == 0)
    window.open(seconds: 10, now: now)
    #expect(window.secondsLeft(now: now) == 10)
    #expect(window.secondsLeft(now: now.advanced(milliseconds: 9_001)) == 1)
    #expect(window.secondsLeft(now: now.advanced(milliseconds: 10_000)) == 0)
    window.open(seconds: .max, now: now)
    #expect(window.secondsLeft(now: now) == ClaimWindow.maximumSeconds)
    window.close()
    #expect(window.secondsLeft(now: now) == 0)
  }
}
