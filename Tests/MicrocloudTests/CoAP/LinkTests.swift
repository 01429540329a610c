import TestSupport
import Testing

@testable import Microcloud

struct CoRELinkTests {
  private func decode(_ text: String) throws -> [CoRELink] { try CoRELink.decode(Array(text.utf8)) }

  /// RFC 6690 section 5.
  @Test func examplesOfTheRFC() throws {
    let sensors = try decode(
      #"</sensors>;ct=40;title="Sensor Index",</sensors/temp>;rt="temperature-c";if="sensor","#
        + #"</sensors/light>;rt="light-lux core.sen-light";if="sensor",<http://www.example.com/sensors/t123>"#
        + #";anchor="/sensors/temp";rel="describedby",</t>;anchor="/sensors/temp";rel="alternate""#)
    #expect(
      sensors.map(\.target) == [
        "/sensors", "/sensors/temp", "/sensors/light", "http://www.example.com/sensors/t123", "/t",
      ])
    #expect(sensors[0]["ct"] == "40" && sensors[0]["title"] == "Sensor Index" && sensors[0]["rt"] == nil)
    #expect(sensors.filter { $0.matches("rt=core.sen-light") }.map(\.target) == ["/sensors/light"])
    #expect(sensors.filter { $0.matches("rt=light-lux core.sen-light") }.isEmpty, "one word at a time")
    #expect(sensors.filter { $0.matches("rt=temp*") }.map(\.target) == ["/sensors/temp"])
    #expect(sensors.filter { $0.matches("href=/sensors*") }.count == 3)
    #expect(sensors.filter { $0.matches("href=/t") }.count == 1)
    #expect(sensors.filter { $0.matches("anchor=/sensors/temp") }.count == 2)
    #expect(try decode("") == [] && decode("</a>") == [CoRELink("/a")])
  }

  @Test func writesWhatItReads() throws {
    let links = [
      CoRELink.resource("/offer", type: "microagent.offer", contentFormat: .cbor),
      CoRELink.resource("/containers", type: "microagent.containers", contentFormat: .cbor, isObservable: true),
      CoRELink("/odd", [.init("title", #"say "hi" \ bye"#), .init("sz", "0"), .init("empty", "")]),
    ]
    let written = CoRELink.encode(links)
    #expect(
      String(decoding: written, as: UTF8.self)
        == #"</offer>;rt="microagent.offer";ct=60,</containers>;rt="microagent.containers";ct=60;obs,"#
        + #"</odd>;title="say \"hi\" \\ bye";sz=0;empty="""#)
    #expect(try CoRELink.decode(written) == links)
  }

  @Test(arguments: [
    "a", "<", "</a", "</a>;", "</a>;=1", "</a>,", ",", "</a></b>", #"</a>;t="x"#, #"</a>;t="x\"#, "</a>;t=\"\u{0}\" x",
  ])
  func refusesWhatIsMalformed(text: String) {
    #expect(throws: CoRELinkError.malformed) { try decode(text) }
  }

  @Test func isBounded() {
    let link = "</a>"
    #expect(throws: CoRELinkError.tooMany) {
      try decode([String](repeating: link, count: CoRELink.maximumCount + 1).joined(separator: ","))
    }
    #expect(throws: CoRELinkError.tooMany) {
      try decode(link + String(repeating: ";a=1", count: CoRELink.maximumAttributes + 1))
    }
    #expect(throws: CoRELinkError.tooMany) { try CoRELink.decode([UInt8](repeating: 0x20, count: 65537)) }
    #expect(throws: CoRELinkError.malformed) { try CoRELink.decode([0x3C, 0xFF, 0x3E]) }
  }
}

struct CoAPConditionTests {
  @Test func ifMatchAndIfNoneMatch() {
    var request = CoAPMessage(.put, "x")
    #expect(request.conditionsHold(etag: nil) && request.conditionsHold(etag: [1]))
    request.options.add(CoAPOption(.ifMatch, [1]))
    request.options.add(CoAPOption(.ifMatch, [2]))
    #expect(
      request.conditionsHold(etag: [2]) && !request.conditionsHold(etag: [3]) && !request.conditionsHold(etag: nil))
    request.options.add(CoAPOption(.ifMatch, []))
    #expect(request.conditionsHold(etag: [3]) && !request.conditionsHold(etag: nil))
    var creating = CoAPMessage(.put, "x")
    creating.options.add(CoAPOption(.ifNoneMatch, []))
    #expect(creating.conditionsHold(etag: nil) && !creating.conditionsHold(etag: [1]))
  }

  @Test func contentFormatsHaveNames() {
    #expect("\(CoAPContentFormat.linkFormat)" == "application/link-format")
    #expect("\(CoAPContentFormat(rawValue: 4711))" == "4711")
  }
}
