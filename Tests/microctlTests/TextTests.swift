import MicroAgent
import Microcloud
import Testing

@testable import microctl

@Suite struct TextForPeople {
  @Test func columnsAlignAndLinesEndWithoutBlanks() {
    var table = Table(["NAME", "STATUS", "COMMAND"])
    table.add(["dns", "up 3m", "sh"])
    table.add(["a-long-name", "", ""])
    #expect(
      table.text == """
        NAME         STATUS  COMMAND
        dns          up 3m   sh
        a-long-name

        """)
  }

  @Test func textOfOthersCannotDriveTheTerminal() {
    #expect(Text.clean("a\u{1B}[2Jb\nc\u{7F}\u{9B}\u{202E}é") == "a?[2Jb c???é")
    var table = Table(["X"])
    table.add(["\u{1B}]0;\u{07}"])
    #expect(table.text == "X\n?]0;?\n")
  }

  @Test(arguments: [(0, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (86_399, "23h"), (86_400, "1d")])
  func durationsShowTheirLargestUnit(_ seconds: UInt64, _ text: String) {
    #expect(Duration.short(seconds: seconds) == text)
  }

  @Test func aClockThatWasSetBackIsNoNegativeTime() {
    #expect(Duration.since(100, now: 50) == "0s")
  }

  @Test(arguments: [("0.5", 500), (".25", 250), ("2", 2000), ("1.", 1000), ("0.001", 1)])
  func coresAreThousandths(_ text: String, _ millis: UInt64) {
    #expect(Duration.cpuMillis(text) == millis)
  }

  @Test(arguments: ["", ".", "-1", "0.0001", "1.2.3", "x", "1e3", "99999999999999999999"])
  func whatIsNoNumberOfCoresIsRefused(_ text: String) {
    #expect(Duration.cpuMillis(text) == nil)
  }

  @Test func secondsThatDoNotFitAreRefused() {
    #expect(Duration.milliseconds(ofSeconds: "10") == 10_000)
    #expect(Duration.milliseconds(ofSeconds: "18446744073709551615") == nil)
  }

  @Test func statesReadAsSentences() {
    func status(_ phase: String, _ more: CBORMap = CBORMap()) -> String {
      var map = more
      map[.phase] = .text(phase)
      return State(value: .map(map)).status(now: 1000)
    }
    var running = CBORMap()
    running[.startedSeconds] = 820
    #expect(status("running", running) == "up 3m")
    var end = CBORMap()
    end[.exitCode] = 1
    end[.reason] = "exit code 1"
    var ended = CBORMap()
    ended[.endedSeconds] = 880
    ended[.end] = .map(end)
    #expect(status("ended", ended) == "ended 2m ago (exit code 1)")
    #expect(status("waiting", ended) == "waits to restart (exit code 1)")
    #expect(status("starting") == "starting")
  }

  @Test func aReaderOfALogNeitherLosesNorRepeats() {
    var cursor = LogCursor()
    #expect(cursor.accept(offset: 10, [1, 2, 3]).missing == 0)
    #expect(cursor.next == 13)
    let again = cursor.accept(offset: 11, [2, 3, 4])
    #expect(again.missing == 0)
    #expect(Array(again.fresh) == [4])
    #expect(cursor.accept(offset: 11, [2, 3]).fresh.isEmpty)
    #expect(cursor.next == 14)
    let later = cursor.accept(offset: 20, [9])
    #expect(later.missing == 6)
    #expect(Array(later.fresh) == [9])
    #expect(cursor.next == 21)
  }

  @Test func anOffsetAtTheEndOfNumbersDoesNotTrap() {
    var cursor = LogCursor(at: 0)
    #expect(cursor.accept(offset: .max, [1, 2]).missing == .max)
    #expect(cursor.next == .max)
  }

  @Test func listingsShowUnits() {
    var map = CBORMap()
    map[.name] = "dns"
    map[.memoryBytes] = .unsigned(4 << 20)
    map[.startedSeconds] = 940
    map[.wanted] = true
    #expect(
      Listing.text(of: .map(map), now: 1000) == """
        name:    dns
        memory:  4.0M
        started: 1m ago
        wanted:  yes

        """)
  }
}
