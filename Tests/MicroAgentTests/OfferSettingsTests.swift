import Basics
import Microcloud
import Testing

@testable import MicroAgent

@Suite struct OfferSettingsTests {
  private func parse(_ text: String) throws(ConfigurationError) -> OfferSettings {
    try Configuration(parsing: Array(text.utf8)).offer
  }

  private static let board = Resources(
    memoryBytes: 232 << 20, cpuMillis: 2000, diskBytes: 1000, processes: 32_768, containers: 256)

  @Test func everySettingIsTaken() throws {
    let offer = try parse(
      """
      offer-memory = 48M
      offer-cpu = 30%
      offer-disk = 10%
      offer-processes = 99
      offer-containers = 7
      lease-to = nobody
      lease-longest = 12h
      lease-share = 25%
      lease-roots = /srv/images
      zone = Gràcia
      guifi-node = 12345
      contact = ana@example.net
      """)
    var expected = OfferSettings()
    expected.memory = .bytes(48 << 20)
    expected.cpuPercent = 30
    expected.disk = .percent(10)
    expected.processes = 99
    expected.containers = 7
    expected.policy.lessees = .nobody
    expected.policy.longestSeconds = 43_200
    expected.policy.sharePercent = 25
    expected.policy.rootsDirectory = "/srv/images"
    expected.zone = "Gràcia"
    expected.guifiNode = 12_345
    expected.contact = "ana@example.net"
    #expect(offer == expected)
  }

  @Test(
    arguments: [
      ("offer-memory = lots", "offer-memory 'lots': give a part or an amount, as 50% or 48M"),
      ("offer-memory = 101%", "offer-memory '101%'"), ("offer-disk = %", "offer-disk '%'"),
      ("offer-cpu = 2", "offer-cpu '2': give a part, as 50%"),
      ("offer-processes = 32769", "give a number of at most 32768"),
      ("offer-containers = 257", "give a number of at most 256"),
      ("offer-more = 1", "there is no setting 'offer-more'"),
      ("lease-to = all", "lease-to 'all': give members or nobody"),
      ("lease-longest = 367d", "lease-longest '367d': give a time of at most 366d, as 7d, 12h or 30m"),
      ("lease-longest = 0s", "lease-longest '0s'"), ("lease-longest = 1w", "lease-longest '1w'"),
      ("lease-longest = 18446744073709551615d", "lease-longest '18446744073709551615d'"),
      ("lease-share = half", "lease-share 'half'"), ("lease-roots = images", "give an absolute path"),
      ("lease-roots = /", "give an absolute path"),
      ("zone =", "zone '': give a text of at most 63 bytes"),
      ("zone = \(String(repeating: "z", count: 64))", "give a text of at most 63 bytes"),
      ("contact = \(String(repeating: "c", count: 128))", "give a text of at most 127 bytes"),
      ("guifi-node = 10000000000", "give a number of at most 9999999999"),
    ])
  func whatIsWrongIsTold(_ text: String, _ told: String) {
    let error = #expect(throws: ConfigurationError.self) { try parse(text) }
    #expect(error?.description.contains(told) ?? false, "\(error?.description ?? "")")
  }

  @Test func halfIsOfferedOfABoardThatSomebodyAnswersFor() {
    let offer = Offer(OfferSettings(), of: Self.board, standing: .claimed, abilities: NodeAbilities())
    #expect(
      offer.amount
        == Resources(memoryBytes: 116 << 20, cpuMillis: 1000, diskBytes: 500, processes: 1024, containers: 128))
    #expect(offer.policy.lessees == .members)
  }

  @Test func aBoardThatNobodyAnswersForGivesNothingToOthers() {
    let offer = Offer(OfferSettings(), of: Self.board, standing: .unclaimed, abilities: NodeAbilities())
    let member = Principal(thumbprint: [UInt8](repeating: 1, count: 32), role: .member)
    #expect(offer.policy.refusal(of: member) == "lease: this node gives leases to nobody but its owner")
    #expect(offer.policy.refusal(of: .owner) == nil)
  }

  @Test func nobodyOffersMoreThanThereIs() throws {
    let offer = Offer(
      try parse("offer-memory = 1G"), of: Self.board, standing: .claimed, abilities: NodeAbilities())
    #expect(offer.amount.memoryBytes == 232 << 20)
  }

  @Test(arguments: [("90s", 90), ("30m", 1800), ("2h", 7200), ("7d", 604_800), ("12", 12)] as [(String, UInt64)])
  func timesAreRead(_ text: String, _ seconds: UInt64) {
    #expect(TimeSpan.seconds(text) == seconds)
  }

  @Test(arguments: ["", "h", "-1h", "1.5h", "2 h", "2hh", "18446744073709551616", "5124095576030432h"])
  func whatIsNoTimeIsNone(_ text: String) {
    #expect(TimeSpan.seconds(text) == nil)
  }
}
