import Testing

@testable import Microcloud

struct NodeNamingTests {
  @Test(
    arguments: [
      ("alix", "3fa2c1d4e5", "alix-3fa2c1"), ("alix.guifi.local", "3fa2c1", "alix-3fa2c1"),
      ("Can Ferrer (àtic)", "ABCDEF99", "Can-Ferrer-tic-ABCDEF"), ("--a__b--", "12", "a-b-12"),
      ("", "3fa2c1", "node-3fa2c1"), (".local", "3fa2c1", "node-3fa2c1"), ("\u{0}\"' \n", "3f:a2:c1", "node-3f-a2"),
      ("x", "", "x"),
      (String(repeating: "long", count: 20), "3fa2c1", String(repeating: "long", count: 10) + "-3fa2c1"),
    ] as [(String, String, String)])
  func cleansNames(host: String, fingerprint: String, name: String) {
    #expect(NodeNaming(hostName: host, fingerprint: fingerprint).text == name)
  }

  @Test func goesThroughAllNamesAndBegins() {
    var naming = NodeNaming(hostName: "alix", fingerprint: "3fa2c1")
    var names: [String] = []
    for _ in 1...9 {
      names.append(naming.text)
      naming.takeNext()
    }
    #expect(names == ["alix-3fa2c1"] + (2...8).map { "alix-3fa2c1-\($0)" } + ["alix-3fa2c1"])
  }

  @Test(arguments: [Int.min, -1, 0, 9, .max]) func doesNotBelieveWhatWasStored(number: Int) {
    #expect(NodeNaming(hostName: "alix", fingerprint: "3fa2c1", number: number).text == "alix-3fa2c1")
  }

  @Test func staysWithWhatWasStored() {
    #expect(NodeNaming(hostName: "alix", fingerprint: "3fa2c1", number: 3).text == "alix-3fa2c1-3")
  }
}
