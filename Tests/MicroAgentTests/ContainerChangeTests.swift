import Microcloud
import Testing

@testable import MicroAgent

@Suite struct ContainerChangeTests {
  @Test func whatItDoesNotNameStaysAsItIs() throws {
    let before = plainRequest {
      $0.budget.processes = 7
      $0.restart = .always
    }
    let change = try ContainerChange(.map([.memoryBytes: 1_048_576, .cpuMillis: 20]))
    let after = try change.applied(to: before)
    var expected = before
    expected.budget.memoryBytes = 1 << 20
    expected.budget.cpuMillis = 20
    #expect(after == expected)
    #expect(change.deed == " memoryBytes 1048576 cpuMillis 20")
    let policy = try ContainerChange(.map([.processes: 9, .restart: "on-failure:3"]))
    #expect(try policy.applied(to: before).restart == .onFailure(maximumRestarts: 3))
    #expect(try policy.applied(to: before).budget.processes == 9)
    #expect(APIRequest.update(name: "dns", policy).deed(made: nil) == "update dns processes 9 restart on-failure:3")
  }

  @Test(
    arguments: [
      CBORMap(), [.memoryBytes: "much"], [.restart: "sometimes"], [.restart: 3], [.command: ["sh"]], [.logBytes: 8192],
      [.diskBytes: 0], [.diskBytes: "much"],
    ] as [CBORMap])
  func whatCannotBeMeantIsRefused(_ map: CBORMap) {
    #expect(refusal { () throws(RequestError) in try ContainerChange(.map(map)) }?.kind == .invalid)
  }

  @Test func whatIsNoMapIsRefused() {
    #expect(refusal { () throws(RequestError) in try ContainerChange(.array([])) }?.kind == .invalid)
  }
}

extension CBORMap: ExpressibleByDictionaryLiteral {
  public init(dictionaryLiteral elements: (APIKey, CBORValue)...) {
    self.init()
    for (key, value) in elements { self[key] = value }
  }
}
