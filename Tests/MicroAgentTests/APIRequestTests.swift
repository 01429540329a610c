import Microcloud
import Testing

@testable import MicroAgent

@Suite struct APIRequestTests {
  private static let http = Publication(type: "http", port: 8080, description: "Our library")

  private static func message(_ code: CoAPCode, _ path: String, _ query: [String] = [], observe: UInt64? = nil)
    -> CoAPMessage
  {
    var message = CoAPMessage(code: code, token: [1])
    message.path = path.split(separator: "/").map { String($0) }
    message.query = query
    if let observe { message.options.add(CoAPOption(.observe, observe)) }
    if code == .post, path == "containers" || path == "plan" {
      message.payload = plainRequest().value.encoded
    }
    if code == .put, path == "revocations" { message.payload = [0x84] }
    if path.hasSuffix("/update") { message.payload = CBORValue.map(someChange).encoded }
    if code == .iPatch { message.payload = settingsWish.encoded }
    if code == .post, path == "publications" { message.payload = http.value.encoded }
    return message
  }

  private static let someChange: CBORMap = [.memoryBytes: 8_388_608, .restart: "always"]

  private func refused(_ message: CoAPMessage) -> RequestError? {
    refusal { () throws(RequestError) in try APIRequest(message) }
  }

  static let routes: [(CoAPMessage, APIRequest)] = [
    (message(.post, "containers"), .run(plainRequest())),
    (message(.post, "plan"), .plan(plainRequest())),
    (message(.get, "containers"), .list),
    (message(.get, "usage"), .usage),
    (message(.get, "metrics"), .metrics),
    (message(.get, "settings"), .settings), (message(.get, "resets"), .resets),
    (message(.iPatch, "settings"), .changeSettings(try! SettingsChange(settingsWish))),
    (message(.get, "events"), .events(from: nil, observe: false)),
    (message(.get, "events", ["from=7"], observe: 0), .events(from: 7, observe: true)),
    (message(.get, "info"), .info),
    (message(.get, "nodes"), .nodes),
    (message(.get, "services"), .search(text: "")),
    (message(.get, "services", ["text"]), .search(text: "")),
    (message(.get, "services", ["text="]), .search(text: "")),
    (message(.get, "services", ["text=a=b&c, plaça"]), .search(text: "a=b&c, plaça")),
    (message(.get, "nodes/alix-7qk2/publications"), .searchNode(name: "alix-7qk2", text: "")),
    (message(.get, "nodes/alix/publications", ["text=plaça"]), .searchNode(name: "alix", text: "plaça")),
    (message(.get, "publications"), .publications),
    (message(.post, "publications"), .publish(http)),
    (message(.get, "revocations"), .revocations),
    (message(.put, "revocations"), .revoke([0x84])),
    (message(.delete, "publications/http:8080"), .unpublish(name: "http:8080")),
    (message(.get, "containers/dns"), .inspect(name: "dns", observe: false)),
    (message(.get, "containers/dns", observe: 0), .inspect(name: "dns", observe: true)),
    (message(.get, "containers/dns", observe: 1), .inspect(name: "dns", observe: false)),
    (message(.delete, "containers/dns"), .remove(name: "dns", force: false)),
    (message(.delete, "containers/dns", ["force"]), .remove(name: "dns", force: true)),
    (message(.post, "containers/dns/start"), .start(name: "dns")),
    (message(.post, "containers/dns/pause"), .pause(name: "dns")),
    (message(.post, "containers/dns/resume"), .resume(name: "dns")),
    (message(.post, "containers/dns/stop"), .stop(name: "dns", graceMilliseconds: nil)),
    (message(.post, "containers/dns/stop", ["grace=0"]), .stop(name: "dns", graceMilliseconds: 0)),
    (message(.post, "containers/dns/stop", ["grace=3600000"]), .stop(name: "dns", graceMilliseconds: 3_600_000)),
    (message(.post, "containers/dns/kill"), .kill(name: "dns", signal: 9)),
    (message(.post, "containers/dns/kill", ["signal=64"]), .kill(name: "dns", signal: 64)),
    (message(.post, "containers/dns/update"), .update(name: "dns", try! ContainerChange(.map(someChange)))),
    (message(.get, "containers/dns/top"), .top(name: "dns")),
    (message(.get, "containers/dns/logs"), .logs(name: "dns", from: nil, tailLines: nil, observe: false)),
    (
      message(.get, "containers/dns/logs", ["from=18446744073709551615", "tail=5"], observe: 0),
      .logs(name: "dns", from: .max, tailLines: 5, observe: true)
    ),
    (
      message(.get, "containers/dns/exec/4294967295", observe: 0),
      .inspectExec(name: "dns", number: .max, observe: true)
    ),
    (message(.delete, "containers/dns/exec/7"), .attend(name: "dns", number: 7, .hangUp)),
    (
      message(.get, "containers/dns/exec/7/output"),
      .attend(name: "dns", number: 7, .read(.output, from: 0, observe: false))
    ),
    (
      message(.get, "containers/dns/exec/7/errors", ["from=9"], observe: 0),
      .attend(name: "dns", number: 7, .read(.errors, from: 9, observe: true))
    ),
  ]

  @Test(arguments: routes.indices) func route(_ index: Int) throws {
    #expect(try APIRequest(Self.routes[index].0) == Self.routes[index].1)
  }

  @Test(
    arguments: [
      (.put, "containers"), (.delete, "containers"), (.get, "plan"), (.post, "usage"), (.post, "info"),
      (.patch, "info"), (.post, "nodes"), (.post, "services"),
      (.post, "nodes/alix/publications"), (.delete, "publications"), (.put, "publications"),
      (.post, "revocations"), (.delete, "revocations"),
      (.get, "publications/http:80"), (.post, "publications/http:80"),
      (.post, "containers/dns"), (.put, "containers/dns"), (.get, "containers/dns/start"),
      (.get, "containers/dns/kill"), (.get, "containers/dns/update"), (.post, "containers/dns/top"),
      (.delete, "containers/dns/stop"), (.post, "containers/dns/logs"),
      (.post, "containers/dns/exec/1"), (.put, "containers/dns/exec/1/output"),
      (.get, "containers/dns/exec/1/input"), (.delete, "containers/dns/exec/1/size"),
      (.post, "containers/dns/exec/1/taken"),
    ] as [(CoAPCode, String)])
  func wrongMethod(_ code: CoAPCode, _ path: String) {
    let error = refused(Self.message(code, path))
    #expect(error?.kind == .notAllowed)
    #expect(error?.response(token: [1]).code == .methodNotAllowed)
  }

  @Test(arguments: [
    "", "container", "containers/dns/halt", "containers/dns/logs/x", "containers/dns/exec", "containers/dns/exec/1/x",
    "containers/dns/logs/1/output", "containers/dns/exec/1/input/x", "containers/dns/logs/1/x",
    "info/x", "usage/x/y", "Containers", "nodes/alix",
    "nodes/alix/services", "nodes/alix/publications/http:80",
    "services/http", "publications/http:80/x",
  ])
  func noSuchResource(_ path: String) {
    for code in [CoAPCode.get, .post, .delete] {
      #expect(refused(Self.message(code, path))?.kind == .notFound)
    }
  }

  @Test func aPathThatIsNotUTF8MatchesNothing() {
    var message = CoAPMessage(code: .get)
    message.options.add(CoAPOption(.uriPath, [0xFF, 0xFE]))
    #expect(refused(message)?.kind == .notFound)
  }

  @Test(
    arguments: [
      (.post, "containers/dns/stop", "grace="), (.post, "containers/dns/stop", "grace=soon"),
      (.post, "containers/dns/stop", "grace=-1"), (.post, "containers/dns/stop", "grace=18446744073709551616"),
      (.post, "containers/dns/kill", "signal=0"), (.post, "containers/dns/kill", "signal=65"),
      (.post, "containers/dns/kill", "signal=KILL"), (.post, "containers/dns/kill", "grace=1"),
      (.get, "containers/dns/top", "tail=1"),
      (.post, "containers/dns/stop", "grace=3600001"), (.post, "containers/dns/stop", "force"),
      (.get, "containers/dns/logs", "from=x"), (.get, "containers/dns/logs", "tail=all"),
      (.delete, "containers/dns", "force=yes"), (.delete, "containers/dns", "Force"), (.delete, "containers/dns", ""),
      (.get, "containers", "all"), (.post, "containers", "force"), (.get, "nodes", "text=x"),
      (.get, "nodes/alix/publications", "tail=1"), (.get, "containers/dns/logs", "text=x"),
      (.get, "services", "type=x"), (.get, "publications", "text=x"), (.delete, "publications/http:80", "force"),
    ] as [(CoAPCode, String, String)])
  func badQuery(_ code: CoAPCode, _ path: String, _ query: String) {
    let error = refused(Self.message(code, path, [query]))
    #expect(error?.kind == .invalid)
    #expect(error?.response(token: []).code == .badRequest)
  }

  @Test func aFlagWithoutItsValueIsNoNumber() {
    #expect(refused(Self.message(.post, "containers/dns/stop", ["grace"]))?.kind == .invalid)
    #expect(refused(Self.message(.get, "containers/dns/logs", ["tail"]))?.kind == .invalid)
  }

  @Test(arguments: [1, 5, 9, 23, 27, 35, 39, 65_001] as [UInt16])
  func criticalOptionsThatAreNotKnown(_ number: UInt16) {
    var message = Self.message(.get, "info")
    message.options.add(CoAPOption(CoAPOptionNumber(rawValue: number), [0]))
    let error = refused(message)
    #expect(error?.kind == .badOption)
    #expect(error?.response(token: []).code == .badOption)
    #expect(error?.description == "option \(number) is critical and not known here")
  }

  /// Else what is wrong with it could be told only in a message that is too long to be sent.
  @Test func partsOfPathAndQueryAreShort() throws {
    let most = String(repeating: "x", count: 255)
    #expect(try APIRequest(Self.message(.get, "containers/\(most)")) == .inspect(name: most, observe: false))
    for message in [
      Self.message(.get, "containers/\(most)x"), Self.message(.get, "services", ["text=\(most)"]),
      Self.message(.get, "info", [String(repeating: "\u{FFFD}", count: 20_000)]),
    ] {
      let error = refused(message)
      #expect(error?.kind == .badOption)
      #expect(error?.description == "a name or text in path or query has more than 255 bytes: shorten it")
    }
  }

  @Test func aRefusalCanAlwaysBeSent() throws {
    var message = CoAPMessage(code: .get, token: [1])
    message.path = ["info"]
    // Told with U+FFFD for each of them, it would be three times as long.
    message.options.add(CoAPOption(.uriQuery, [UInt8](repeating: 0xFF, count: 30_000)))
    let answer = try #require(refused(message)).response(token: [1])
    #expect(throws: Never.self) { try CoAPStreamEncoder.encode(answer) }
  }

  @Test(arguments: [3, 4, 7, 12, 17, 60, 252, 65_000] as [UInt16])
  func otherOptionsAreLetBe(_ number: UInt16) throws {
    var message = Self.message(.get, "info")
    message.options.add(CoAPOption(CoAPOptionNumber(rawValue: number), [0]))
    #expect(try APIRequest(message) == .info)
  }

  @Test func whatARequestLacksIsTold() {
    var message = Self.message(.post, "containers")
    message.payload = plainRequest("dns") { $0.command = [] }.value.encoded
    #expect(refused(message)?.description == "command: give the program to run")
    message.payload = []
    #expect(refused(message)?.description.hasPrefix("the message is not CBOR: ") ?? false)
    message.payload = [0xA0, 0xA0]
    #expect(refused(message)?.kind == .invalid)
    // The same key twice.
    message.payload = [0xA2, 0x01, 0x61, 0x61, 0x01, 0x61, 0x62]
    #expect(refused(message)?.kind == .invalid)
  }

  @Test func whatAPublicationLacksIsTold() {
    var message = Self.message(.post, "publications")
    message.payload = Publication(type: "http", port: 0).value.encoded
    #expect(refused(message)?.description == "publication http:0: give a port from 1 to 65535")
    message.payload = CBORValue.map(CBORMap()).encoded
    #expect(refused(message)?.kind == .invalid)
    message.payload = []
    #expect(refused(message)?.description.hasPrefix("the message is not CBOR: ") ?? false)
  }

  @Test(
    arguments: [
      (.invalid, .badRequest), (.forbidden, .forbidden), (.notFound, .notFound), (.conflict, .conflict),
      (.noRoom, .serviceUnavailable), (.failed, .internalServerError), (.notAllowed, .methodNotAllowed),
      (.badOption, .badOption), (.changed, .preconditionFailed),
    ] as [(RequestError.Kind, CoAPCode)])
  func errorsAsResponses(_ kind: RequestError.Kind, _ code: CoAPCode) throws {
    let response = RequestError(kind, "why").response(token: [7])
    #expect(response.code == code)
    #expect(response.token == [7])
    #expect(try ProblemDetails(CBORDecoder.decode(response.payload)).title == "why")
  }
}
