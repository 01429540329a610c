import Microcloud
import Testing

@testable import MicroAgent

@Suite struct PublishedPortTests {
  private func request(_ network: ContainerRequest.Network, _ ports: String...) -> ContainerRequest {
    var request = ContainerRequest()
    request.name = "web"
    request.root = "/srv/web"
    request.command = ["httpd"]
    request.network = network
    request.ports = ports.compactMap { PublishedPort(text: $0) }
    return request
  }

  @Test func textsAreRead() {
    #expect(PublishedPort(text: "8080:80") == PublishedPort(port: 8080, target: 80))
    #expect(PublishedPort(text: "8080:80/tcp") == PublishedPort(port: 8080, target: 80))
    #expect(PublishedPort(text: "53:53/udp").map { "\($0)" } == "53:53/udp")
    for text in [
      "", "80", ":80", "80:", "80:80/", "80:80/sctp", "80:80:80", "http:80", "65536:80", "80:-1", "1:2/udp/udp",
    ] {
      #expect(PublishedPort(text: text) == nil)
    }
  }

  @Test func requestsCarryThem() throws {
    var request = request(.bridge, "8080:80", "53:53/udp")
    request.rates.download = 2_000_000
    #expect(request.problem == nil)
    #expect(try ContainerRequest(request.value) == request)
  }

  @Test func whatCouldNotBeIsRefused() {
    let twice = "published port 8080:81/tcp: the board's port is there twice: leave one out"
    #expect(request(.bridge, "8080:80", "8080:81").problem == twice)
    #expect(request(.bridge, "8080:80", "8080:80/udp").problem == nil)
    #expect(request(.bridge, "0:80").problem == "published port 0:80/tcp: ports are 1 to 65535")
    #expect(
      request(.none, "8080:80").problem
        == "published ports and rates: they are for containers in the network \"bridge\": give it that")
    var limited = request(.bridge)
    limited.rates.upload = 7999
    #expect(limited.problem == "rate 7999: use 8000 to 10000000000 bits a second")
    limited.rates.upload = 8000
    #expect(limited.problem == nil)
    var many = request(.bridge)
    many.ports = (1...9).map { PublishedPort(port: $0, target: 80) }
    #expect(many.problem == "published ports: at most 8")
    // A service is offered where neighbours reach it.
    var offered = request(.bridge, "8080:80")
    offered.publications = [Publication(type: "http", port: 80)]
    #expect(
      offered.problem == "publication http:80: nobody could reach it: publish the port, too, as 80:80")
    offered.publications = [Publication(type: "http", port: 8080)]
    #expect(offered.problem == nil)
  }

  @Test func unknownTransportsAndKeysAreRefused() {
    for (text, key): (CBORValue, APIKey) in [(.text("sctp"), .transport), (.unsigned(1), .name)] {
      var port = CBORMap()
      port[.port] = .unsigned(1)
      port[.targetPort] = .unsigned(1)
      port[key] = text
      #expect(throws: RequestError.self) { try PublishedPort(.map(port)) }
    }
    for value in [CBORValue.null, .map(CBORMap())] { #expect(throws: RequestError.self) { try PublishedPort(value) } }
  }
}
