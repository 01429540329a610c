import TestSupport
import Testing

@testable import MicroAgent

@Suite struct ConfigurationTests {
  private func parse(_ text: String) throws(ConfigurationError) -> Configuration {
    try Configuration(parsing: Array(text.utf8))
  }

  @Test(arguments: ["", "\n\n", "# only words\n  # and more", "\r\n", "\u{FEFF}", "\u{FEFF}# words"])
  func nothingSetMeansDefaults(_ text: String) throws {
    #expect(try parse(text) == Configuration())
  }

  @Test func aSmallBoardHasMemoryForContainersToo() throws {
    let usual = Configuration()
    #expect(usual.containersMemory(of: 256 << 20) == 232 << 20)
    #expect(usual.containersMemory(of: 72 << 20) == 48 << 20)
    #expect(usual.containersMemory(of: 30 << 20) == 20 << 20)
    let said = try Configuration(parsing: Array("memory-reserve = 40M".utf8))
    #expect(said.containersMemory(of: 72 << 20) == 32 << 20)
    #expect(said.containersMemory(of: 30 << 20) == 4096)
  }

  @Test func everySettingIsTaken() throws {
    let text = """
      # A board in a cupboard
      state-directory = /data/agent
      runtime-directory=/run/agent
        cgroup = cloud
      first-user-id = 200000
      memory-reserve = 32M
      """
    var expected = Configuration()
    expected.stateDirectory = "/data/agent"
    expected.runtimeDirectory = "/run/agent"
    expected.cgroup = "cloud"
    expected.firstUserID = 200_000
    expected.memoryReserveBytes = 32 << 20
    expected.lines = [
      Setting(name: "state-directory", value: "/data/agent"), Setting(name: "runtime-directory", value: "/run/agent"),
      Setting(name: "cgroup", value: "cloud"), Setting(name: "first-user-id", value: "200000"),
      Setting(name: "memory-reserve", value: "32M"),
    ]
    #expect(try parse(text) == expected)
    let windows = "\u{FEFF}" + text.split(separator: "\n").joined(separator: "\r\n") + "\r\n"
    #expect(try parse(windows) == expected)
    #expect(expected.controlSocket == "/run/agent/control.sock")
    #expect(expected.storePath == "/data/agent/microagent.db")
    #expect(expected.containersDirectory == "/data/agent/containers")
  }

  @Test(
    arguments: [
      ("cgroup", "line 1: this is not a setting: write name = value"),
      ("\ncgrp = a", "line 2: there is no setting 'cgrp': use one of state-directory"),
      (" = a", "line 1: there is no setting ''"),
      ("cgroup = a\n#\ncgroup = a", "line 3: cgroup is set twice: keep one"),
      ("cgroup = a/b", "line 1: cgroup 'a/b': give one name, as microagent"),
      ("cgroup =", "line 1: cgroup '': give one name"),
      ("cgroup = ..", "line 1: cgroup '..': give one name"),
      ("state-directory = data", "line 1: state-directory 'data': give an absolute path, as /var/lib/microagent"),
      ("state-directory = /", "line 1: state-directory '/': give an absolute path"),
      ("state-directory = /./", "line 1: state-directory '/./': give an absolute path"),
      ("state-directory = /a\\b", "line 1: state-directory '/a\\b': give an absolute path"),
      ("runtime-directory = //", "line 1: runtime-directory '//': give an absolute path"),
      ("runtime-directory = /run/../etc", "line 1: runtime-directory '/run/../etc': give an absolute path"),
      ("\ncgroup = a\u{0}b", "line 2: the line holds a control character: remove it"),
      ("c\u{1B}[2J = a", "line 1: the line holds a control character: remove it"),
      ("state-directory = /a\u{9B}2J", "line 1: the line holds a control character: remove it"),
      ("state-directory = /a\rb", "line 1: the line holds a control character: remove it"),
      ("first-user-id = 0", "line 1: first-user-id '0': give the first of 65536 free ids, as 100000"),
      ("first-user-id = 4294901760", "line 1: first-user-id '4294901760'"),
      ("first-user-id = many", "line 1: first-user-id 'many'"),
      ("memory-reserve = lots", "line 1: memory-reserve 'lots': give an amount, as 24M"),
      ("memory-reserve = -1", "line 1: memory-reserve '-1'"),
    ] as [(String, String)])
  func whatIsWrongIsTold(_ text: String, _ told: String) {
    let error = #expect(throws: ConfigurationError.self) { try parse(text) }
    #expect(error?.description.contains(told) ?? false, "\(error?.description ?? "")")
  }

  @Test func theLastFreeIDsCanBeUsed() throws {
    #expect(try parse("first-user-id = 4294901759").firstUserID == 4_294_901_759)
  }

  @Test func whatIsNotUTF8IsNoSetting() throws {
    let error = #expect(throws: ConfigurationError.self) {
      try Configuration(parsing: Array("# f\u{FC}r\nstate-directory = /d".utf8) + [0xE4])
    }
    #expect(error?.description == "line 2: the line is not UTF-8: save the file as such")
    #expect(try Configuration(parsing: [0x23, 0xE4]) == Configuration())
    #expect(try parse("state-directory = /k\u{FC}che").stateDirectory == "/k\u{FC}che")
  }

  @Test func aLineThatIsToldIsShort() throws {
    let name = String(repeating: "n", count: Configuration.maximumLineBytes + 1)
    let error = #expect(throws: ConfigurationError.self) { try parse("\n\(name)") }
    #expect(error?.description == "line 2: the line has more than 1024 bytes: shorten it")
    #expect(try parse("#\(name)") == Configuration())
  }

  @Test func sizeIsLimited() throws {
    let comment = [UInt8](repeating: UInt8(ascii: "#"), count: Configuration.maximumFileBytes)
    #expect(try Configuration(parsing: comment) == Configuration())
    #expect(throws: ConfigurationError.self) { try Configuration(parsing: comment + comment) }
    #expect(throws: ConfigurationError.self) { try Configuration(parsing: comment + [0x23]) }
  }

  @Test func anyBytesGiveASettingOrALine() {
    var random = SeededGenerator(seed: 1)
    let alphabet = Array("cgroup=/.\n\r# \u{0}\u{FF}9M".utf8)
    for _ in 0..<2_000 {
      let bytes = (0..<random.below(60)).map { _ in random.pick(alphabet) }
      do throws(ConfigurationError) {
        _ = try Configuration(parsing: bytes)
      } catch {
        #expect(error.line >= 1 && error.line <= 60)
      }
    }
  }
}
