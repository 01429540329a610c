import Basics
import MicroAgent
import Microcloud
import Testing

@testable import microctl

struct EventsTests {
  /// As date(1) tells them: `date -u -d @SECONDS +%FT%TZ`.
  @Test(arguments: [
    (0, "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"), (951_868_799, "2000-02-29T23:59:59Z"),
    (1_709_251_200, "2024-03-01T00:00:00Z"), (4_107_542_399, "2100-02-28T23:59:59Z"),
    (4_107_542_400, "2100-03-01T00:00:00Z"), (253_402_300_799, "9999-12-31T23:59:59Z"),
    (UInt64.max, "9999-12-31T23:59:59Z"),
  ])
  func timesOfTheCalendar(_ seconds: UInt64, _ text: String) {
    #expect(CivilTime(seconds: seconds).text == text)
  }

  @Test func anEventIsOneLine() {
    var map = CBORMap()
    map[.atSeconds] = .unsigned(951_782_400)
    map[.event] = .text("container end")
    map[.name] = .text("web")
    map[.reason] = .text("exit code 1")
    #expect(line(of: .map(map)) == "2000-02-29T00:00:00Z container end web: exit code 1")
    map[.name] = nil
    map[.reason] = .text("\u{1B}[2J")
    #expect(!line(of: .map(map)).contains("\u{1B}"))
  }
}
