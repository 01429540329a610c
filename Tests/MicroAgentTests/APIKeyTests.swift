import Testing

@testable import MicroAgent

@Suite struct APIKeyTests {
  @Test func numbersAndNamesAreUnique() {
    let keys = APIKey.allCases
    #expect(Set(keys.map { $0.rawValue }).count == keys.count)
    #expect(Set(keys.map { $0.name }).count == keys.count)
    #expect(keys.allSatisfy { "\($0)" == $0.name })
  }

  /// A number on the wire never gets another meaning.
  @Test func numbersStay() {
    #expect(APIKey.name.rawValue == 1)
    #expect(APIKey.graceMilliseconds.rawValue == 22)
    #expect(APIKey.id.rawValue == 30)
    #expect(APIKey.request.rawValue == 42)
    #expect(APIKey.memoryReservedBytes.rawValue == 94)
    #expect(APIKey.nodes.rawValue == 100)
    #expect(APIKey.publications.rawValue == 121)
    #expect(APIKey.status.rawValue == 127)
  }
}
