import Microcloud
import Testing

@testable import MicroAgent

@Suite struct PublicationTests {
  @Test(
    arguments: [
      ("http:8080", Publication(type: "http", port: 8080)),
      ("Docker:80:Our library", Publication(type: "Docker", port: 80, description: "Our library")),
      ("a:1:", Publication(type: "a", port: 1)),
      ("x-1-y:65535:at 10:30, càmera", Publication(type: "x-1-y", port: 65_535, description: "at 10:30, càmera")),
      (
        "tahoe-lafs-long:9:" + String(repeating: "x", count: 63),
        Publication(type: "tahoe-lafs-long", port: 9, description: String(repeating: "x", count: 63))
      ),
    ])
  func reads(_ text: String, _ publication: Publication) throws {
    #expect(try Publication(text: text) == publication)
  }

  @Test(arguments: ["", "http", "http:", ":80", ":", "http:web", "http:-1", "http:65536", "http: 80", "80"])
  func saysWhatWouldBeRight(_ text: String) {
    let error = refusal { () throws(RequestError) in try Publication(text: text) }
    #expect(error?.kind == .invalid)
    #expect(error?.description == "publication \(text): write TYPE:PORT[:DESCRIPTION], as http:8080:Our library")
  }

  @Test(
    arguments: [
      ("-a:1", "letters, digits and single '-' between them"), ("a-:1", "single '-'"), ("a--b:1", "single '-'"),
      ("80:80", "at least one letter"), ("a_b:1", "letters, digits"), ("_http:1", "letters, digits"),
      ("é:1", "letters, digits"), ("a b:1", "letters, digits"), ("a.b:1", "letters, digits"),
      ("sixteen-letters-:1", "at most 15 characters"), ("http:0", "give a port from 1 to 65535"),
      ("microagent:5683", "choose another"), ("MicroAgent:1", "choose another"),
      ("http:1:\u{1B}[2J", "must not contain control characters"), ("http:1:a\nb", "must not contain control"),
      ("http:1:\u{202E}abc", "must not contain control"),
      ("http:1:" + String(repeating: "x", count: 64), "at most 63 bytes"),
      ("http:1:" + String(repeating: "é", count: 32), "at most 63 bytes"),
    ])
  func whatIsWrongIsTold(_ text: String, _ line: String) {
    let error = refusal { () throws(RequestError) in try Publication(text: text) }
    #expect(error?.description.contains(line) ?? false, "\(error?.description ?? "taken")")
  }

  @Test func itsNameIsFoundInLettersOfAnySize() {
    let publication = Publication(type: "Docker", port: 80, description: "x")
    #expect(publication.name == "Docker:80")
    #expect(publication.isNamed("docker:80"))
    #expect(!publication.isNamed("docker:8"))
    #expect(!publication.isNamed("docker:800"))
    #expect(!publication.isNamed("docker"))
  }

  @Test func travelsAsAMap() throws {
    for publication in [
      Publication(type: "http", port: 8080), Publication(type: "Docker", port: 1, description: "plaça"),
    ] {
      #expect(try Publication(try CBORDecoder.decode(publication.value.encoded)) == publication)
    }
    #expect(Publication(type: "http", port: 8080).value == [115: "http", 119: 8080])
  }

  @Test(
    arguments: [
      ([115: "http", 119: 65_536], "port: give a number of at most 16 bits"), ([119: "80"], "port: give a number"),
      ([115: 1], "type: give a text"), ([116: .null], "description: give a text"),
      ([115: "http", 119: 80, 122: "web"], "a key that this agent does not know"), (7, "not a CBOR map"),
    ] as [(CBORValue, String)])
  func wrongTypesAreTold(_ value: CBORValue, _ line: String) {
    let error = refusal { () throws(RequestError) in try Publication(value) }
    #expect(error?.description.contains(line) ?? false, "\(error?.description ?? "taken")")
  }

  @Test func itsStatusNamesItsContainer() {
    let http = Publication(type: "http", port: 80, description: "wiki")
    #expect(
      PublicationStatus(http, container: "web", standing: .announced).value
        == [115: "http", 119: 80, 116: "wiki", 122: "web", 123: "by gossip and mDNS"])
    #expect(
      PublicationStatus(http, container: nil, standing: .unclaimed).value
        == [115: "http", 119: 80, 116: "wiki", 123: "not announced: nobody has claimed this board"])
  }
}
