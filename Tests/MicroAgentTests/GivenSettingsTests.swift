import Crypto
import Microcloud
import Testing

@testable import MicroAgent

/// A change of one setting, as a client sends it.
let settingsWish = wish(["zone": "Gracia"])

private func wish(_ values: [String: String?]) -> CBORValue {
  var wishes = CBORMap()
  for (name, value) in values { wishes[text: name] = value.map { .text($0) } ?? .null }
  var map = CBORMap()
  map[.settings] = .map(wishes)
  return .map(map)
}

private func change(_ values: [String: String?], in states: [[UInt8]] = []) throws -> SettingsChange {
  try SettingsChange(wish(values), states: states)
}

private func file(_ text: String) throws -> Configuration {
  try Configuration(parsing: Array(text.utf8))
}

private func told(_ settings: GivenSettings) -> [String: String] {
  let entries = settings.value[.settings]?.mapValue?.entries ?? []
  return Dictionary(uniqueKeysWithValues: entries.map { ($0.key.textValue ?? "", $0.value.textValue ?? "") })
}

@Suite struct GivenSettingsTests {
  private static let key = "AAECAwQFBgcICQoLDA0ODw=="

  @Test func whatIsGivenCountsInsteadOfTheFile() throws {
    var settings = GivenSettings(over: try file("zone = Clot\ncoap-port = 5690"), kept: nil)
    #expect(try settings.change(change(["zone": " Gracia "])).offer.zone == "Gracia")
    #expect(told(settings) == ["zone": "Gracia", "coap-port": "5690"])
    #expect(settings.pending == [], "what is offered changes at once")
    let back = try settings.change(change(["zone": nil]))
    #expect(back.offer.zone == "Clot" && back.node.coapPort == 5690)
  }

  @Test func isKeptUntilTheFilesLineIsAnotherOne() throws {
    let before = try file("zone = Clot\nname = alix")
    var settings = GivenSettings(over: before, kept: nil)
    _ = try settings.change(change(["zone": "Gracia", "contact": "ana"]))
    func zone(_ text: String) throws -> String {
      var later = GivenSettings(over: try file(text), kept: settings.kept)
      return try later.start().offer.zone
    }
    #expect(try zone("zone = Clot\nname = alix") == "Gracia")
    #expect(try zone("zone = Clot\nname = other") == "Gracia")
    #expect(try zone("zone = Sants\nname = alix") == "Sants")
    #expect(try zone("name = alix") == "")
    #expect(told(GivenSettings(over: try file("contact = bruna"), kept: settings.kept)) == ["contact": "bruna"])
  }

  @Test func whatCannotCountAtOnceCountsFromTheNextStartOn() throws {
    let before = try file("coap-port = 5690")
    var settings = GivenSettings(over: before, kept: nil)
    _ = try settings.change(change(["coap-port": "5700", "public": "on", "offer-cpu": "10%"]))
    #expect(settings.pending.sorted() == ["coap-port", "public"])
    var later = GivenSettings(over: before, kept: settings.kept)
    #expect(try later.start().node.coapPort == 5700)
    #expect(later.pending == [])
    _ = try later.change(change(["coap-port": nil, "public": nil]))
    #expect(later.pending.sorted() == ["coap-port", "public"])
  }

  @Test(arguments: [
    ("state-directory", "/data"), ("runtime-directory", "/run/a"), ("cgroup", "a"), ("first-user-id", "200000"),
    ("owner", "02" + String(repeating: "0", count: 64)), ("microcloud-key", "02" + String(repeating: "0", count: 64)),
  ])
  func whatOnlyTheFileSaysIsRefused(_ name: String, _ value: String) throws {
    var settings = GivenSettings(over: Configuration(), kept: nil)
    for value in [value, nil] {
      let wish = try change([name: value])
      let error = #expect(throws: RequestError.self) { try settings.change(wish) }
      #expect(error?.kind == .forbidden && error?.description.hasPrefix(name + ": ") == true)
    }
  }

  @Test(
    arguments: [
      (["zone": "Gracia", "offer-cpu": "120%"], "offer-cpu '120%': give a part"),
      (["zone": "Gra\ncia"], "control character"), (["sone": "Gracia"], "there is no setting 'sone'"),
      (["contact": String(repeating: "x", count: 1020)], "more than 1024 bytes"),
      (["gossip-key": key], "gossip-key needs a microcloud"),
      (["zone": nil], "zone: it was not given over the network"),
    ] as [([String: String?], String)])
  func aWrongOneChangesNothing(_ values: [String: String?], _ problem: String) throws {
    var settings = GivenSettings(over: Configuration(), kept: nil)
    let before = settings
    let wish = try change(values)
    let error = #expect(throws: RequestError.self) { try settings.change(wish) }
    #expect(error?.description.contains(problem) == true, "\(error?.description ?? "")")
    #expect(settings == before)
  }

  @Test func aSecretIsTakenAndNeverTold() throws {
    var settings = GivenSettings(over: try file("microcloud = gracia"), kept: nil)
    let wish = try change(["gossip-key": Self.key])
    #expect(try settings.change(wish).node.gossipKeys != nil)
    #expect(wish.deed == "set gossip-key")
    let state = settings.etag
    #expect(told(settings) == ["microcloud": "gracia"])
    #expect(settings.value[.given] == .array([.text("gossip-key")]))
    _ = try settings.change(change(["gossip-key": "EAECAwQFBgcICQoLDA0ODw=="]))
    #expect(settings.etag != state, "who set one sees that somebody else set another")
    let inFile = GivenSettings(over: try file("microcloud = gracia\ngossip-key = \(Self.key)"), kept: nil)
    #expect(told(inFile) == ["microcloud": "gracia"])
  }

  @Test func twoOwnersDoNotOverwriteEachOther() throws {
    var settings = GivenSettings(over: Configuration(), kept: nil)
    let seen = settings.etag
    _ = try settings.change(change(["zone": "Gracia"], in: [seen]))
    let late = try change(["zone": "Clot"], in: [seen])
    let error = #expect(throws: RequestError.self) { try settings.change(late) }
    #expect(error?.kind == .changed)
    _ = try settings.change(change(["zone": "Clot"], in: [seen, settings.etag]))
    #expect(told(settings) == ["zone": "Clot"])
  }

  @Test func aFileThatGoesNotWithWhatWasGivenCountsAlone() throws {
    var settings = GivenSettings(over: Configuration(), kept: nil)
    _ = try settings.change(change(["public": "on"]))
    var later = GivenSettings(over: try file("microcloud-port = 5000"), kept: settings.kept)
    #expect(throws: RequestError.self) { try later.start() }
    #expect(later.pending == ["public"], "it does not count")
    _ = try later.change(change(["public": nil]))
    #expect(later.pending == [])
  }

  @Test func whatIsKeptMayBeAnything() {
    for kept in [[], [0xFF], CBORValue.array([.null, .array([.null, .array([.text("zone")])])]).encoded] as [[UInt8]] {
      #expect(told(GivenSettings(over: Configuration(), kept: kept)) == [:])
    }
  }

  @Test(
    arguments: [
      .null, .map(CBORMap()), .array([]), wish([:]),
      wish(Dictionary(uniqueKeysWithValues: (0...64).map { ("a\($0)", "") })),
    ] as [CBORValue])
  func whatIsNoChangeIsRefused(_ content: CBORValue) {
    #expect(throws: RequestError.self) { try SettingsChange(content) }
  }
}
