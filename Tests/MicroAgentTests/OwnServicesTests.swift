import Basics
import Microcloud
import Testing

@testable import MicroAgent

@Suite struct OwnServicesTests {
  private static let address = IPAddress.v4(0x0A01_0203)
  private static func entry(isClaimed: Bool = true) -> MicroagentEntry {
    MicroagentEntry(
      coapPort: 5683, isa: .geode, fingerprint: "95nxhbxdyc3ybc4c", freeMemoryMiB: 96, isClaimed: isClaimed)
  }

  /// What others read in the tag.
  private func read(_ services: OwnServices, isClaimed: Bool = true) throws -> [CloudyService] {
    let tag = services.tag(
      Self.entry(isClaimed: isClaimed), node: "alix-95nxhb", address: Self.address, microcloud: "gracia")
    return try ServicesTag.decode(tag.value)
  }

  @Test func theAgentComesFirstThenWhatRunsBesideThenContainersByAge() throws {
    var services = OwnServices()
    let isNew = services.setContained([
      .init(Publication(type: "ssh", port: 22), container: "b", order: 2),
      .init(Publication(type: "http", port: 8080, description: "Our library"), container: "a", order: 1),
    ])
    #expect(isNew)
    try services.publish(Publication(type: "proxy3", port: 3128))
    let read = try read(services)
    #expect(read.map { $0.type } == ["microagent", "proxy3", "Docker", "ssh"])
    #expect(read[2].description == "Our_library" && read[2].text == "http" && read[2].port == "8080")
    #expect(read[1].description == "proxy3" && read[1].address == "10.1.2.3" && read[1].microcloud == "gracia")
    #expect(read[1].host == "alix-95nxhb.guifi.local")
    #expect(services.announced.map { $0.type } == ["proxy3", "http", "ssh"])
    #expect(services.announced.map { $0.label } == ["proxy3:3128", "Our library", "ssh:22"])
    let isNewAgain = services.setContained(Array(services.entries.dropFirst().reversed()))
    #expect(!isNewAgain)
  }

  @Test func ofABoardThatNobodyHasClaimedOnlyItselfIsTold() throws {
    var services = OwnServices(beside: [Publication(type: "http", port: 80)])
    #expect(try read(services, isClaimed: false).map { $0.type } == ["microagent"])
    _ = services.setContained([.init(Publication(type: "ssh", port: 22), container: "b", order: 2)])
    #expect(try read(services, isClaimed: false).count == 1)
  }

  @Test func askedItselfANodeTellsAllOfThemUnlessNobodyHasClaimedIt() {
    var services = OwnServices(beside: [Publication(type: "http", port: 80)])
    _ = services.setContained([.init(Publication(type: "ssh", port: 22), container: "b", order: 2)])
    #expect(services.offered(by: .claimed).map { $0.name } == ["http:80", "ssh:22"])
    #expect(services.offered(by: .unclaimed).isEmpty)
  }

  /// Indices are those of `entries`.
  @Test func whatHasNoRoomIsTold() throws {
    var services = OwnServices()
    _ = services.setContained(
      (1...20).map { number in
        .init(
          Publication(
            type: "type-\(number)", port: UInt16(1000 + number * 7),
            description: "\(UInt64(number) &* 0x9E37_79B9_7F4A_7C15 % 0xFFFF_FFFF_FFFF)"),
          container: "c\(number)", order: UInt64(number))
      })
    let tag = services.tag(Self.entry(), node: "alix-95nxhb", address: Self.address, microcloud: "gracia")
    let told = try ServicesTag.decode(tag.value).count - 1
    #expect(told >= 4 && told < 20)
    #expect(tag.dropped == Array(told..<20))
  }

  @Test func cloudysWordForTheWebIsTheWeb() {
    let web = Publication(type: "Docker", port: 80, description: "x")
    #expect(web.announced.type == "http")
    #expect(web.service(node: "a", address: Self.address, microcloud: "m").type == "Docker")
    let secure = Publication(type: "HTTPS", port: 443).service(node: "a", address: Self.address, microcloud: "m")
    #expect(secure.type == "Docker" && secure.text == "https")
  }

  @Test func twoOfOneDescriptionAreTwo() {
    let pages = [80, 8080].map { Publication(type: "http", port: $0, description: "Pages") }
    #expect(OwnServices(beside: pages).announced.map { $0.label } == ["Pages", "http:8080"])
  }

  @Test func publishingAgainChangesTheDescription() throws {
    var services = OwnServices(beside: [Publication(type: "http", port: 80, description: "old")])
    try services.publish(Publication(type: "HTTP", port: 80, description: "new"))
    #expect(services.beside.map { $0.description } == ["new"])
    try services.unpublish("Http:80")
    #expect(services.entries.isEmpty)
  }

  @Test func whatCannotBeDoneIsTold() throws {
    var services = OwnServices()
    for number in 1...OwnServices.maximumBeside {
      try services.publish(Publication(type: "http", port: UInt16(number)))
    }
    func told(_ body: () throws(RequestError) -> Void) -> String {
      do throws(RequestError) {
        try body()
        return ""
      } catch {
        return "\(error)"
      }
    }
    let more = Publication(type: "http", port: 99)
    #expect(told { () throws(RequestError) in try services.publish(more) }.contains("unpublish one first"))
    #expect(told { () throws(RequestError) in try services.unpublish("http:99") }.contains("nothing is published"))
    _ = services.setContained([.init(more, container: "web", order: 1)])
    #expect(told { () throws(RequestError) in try services.unpublish("http:99") }.contains("container web"))
  }

  @Test func isReadAgainFromTheStore() {
    let beside = [Publication(type: "http", port: 80, description: "käse"), Publication(type: "ssh", port: 22)]
    let services = OwnServices(beside: beside)
    #expect(OwnServices(encodedBeside: services.encodedBeside) == services)
    for bytes: [UInt8] in [[], [0xFF], [0x80], [0x82, 1, 2], Array(services.encodedBeside.dropLast())] {
      #expect(OwnServices(encodedBeside: bytes).beside.isEmpty)
    }
  }
}
