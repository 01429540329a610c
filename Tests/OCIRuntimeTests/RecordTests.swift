import Images
import Testing

@testable import OCIRuntime

@Suite struct RecordTests {
  private static let record = ContainerRecord(
    id: "web", process: 77, startTicks: 12345, bundle: "/b \"x\"", createdSeconds: 1_795_776_000, cgroup: "a/b")

  @Test func whatIsWrittenIsRead() throws {
    let read = try #require(ContainerRecord(Array(Self.record.text.utf8)))
    #expect(read.text == Self.record.text)
    #expect(read.bundle == "/b \"x\"" && read.process == 77)
  }

  @Test(arguments: ["", "{}", "[]", "{\"id\":\"a\",\"pid\":0}", "{\"id\":\"a\",\"pid\":-1}"]) func badRecordsAreNone(
    text: String
  ) {
    #expect(ContainerRecord(Array(text.utf8)) == nil)
  }

  @Test func stateIsTheSpecifications() throws {
    let text = JSONText.write(Self.record.state(.created, annotations: [("k", "v\n\u{1}")]))
    let value = try JSONReader.read(Array(text.utf8))
    #expect(value["status"]?.stringValue == "created" && value["pid"]?.unsignedValue == 77)
    #expect(value["created"]?.stringValue == "2026-11-27T10:40:00Z")
    #expect(value["annotations"]?["k"]?.stringValue == "v\n\u{1}")
    #expect(
      try JSONReader.read(Array(JSONText.write(Self.record.state(.stopped, annotations: [])).utf8))["pid"]?
        .unsignedValue == 0)
  }

  @Test(arguments: ["a", "A-b_c.d+9", String(repeating: "x", count: 128)]) func names(name: String) {
    #expect(ContainerRecord.isName(name))
  }

  @Test(arguments: ["", ".", "..", "a/b", "-a", "a b", "é", String(repeating: "x", count: 129)]) func noNames(
    name: String
  ) {
    #expect(!ContainerRecord.isName(name))
  }

  @Test func featuresAreJSON() throws {
    let value = try JSONReader.read(Array(JSONText.write(Features.document).utf8))
    #expect(value["linux"]?["seccomp"]?["actions"]?.arrayValue?.count == 7)
  }
}
