import ContainerRunner
import Testing

@testable import OCIRuntime

@Suite struct SeccompReaderTests {
  private static func filter(_ text: String) throws -> SeccompFilter {
    let config = try RuntimeConfigTests.read(RuntimeConfigTests.document(linux: "\"seccomp\": \(text)"))
    return try #require(config.seccomp)
  }

  /// Numbers from the kernel's own tables.
  @Test func namesAreFoundInBothTables() throws {
    let filter = try Self.filter(
      """
      { "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "syscalls": [
          { "names": ["read", "faccessat2", "no_such_call"], "action": "SCMP_ACT_ALLOW" },
          { "names": ["clone"], "action": "SCMP_ACT_ALLOW",
            "args": [{ "index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ" }] },
          { "names": ["mount"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38 }
        ] }
      """)
    let amd64 = try #require(filter.amd64)
    let i386 = try #require(filter.i386)
    #expect(filter.defaultResult == 0x5_0026)
    #expect(amd64.rules[0].map { $0.result } == [0x7FFF_0000] && i386.rules[3].map { $0.result } == [0x7FFF_0000])
    #expect(amd64.rules[439].count == 1 && i386.rules[439].count == 1)
    #expect(amd64.rules[56].first?.conditions.first?.comparison == .maskedEqual(mask: 2_114_060_288))
    #expect(amd64.rules[165].isEmpty)  // the default's own action needs no rule
    #expect(amd64.rules.count == 451 && i386.rules.count == 451)
  }

  @Test func onlyTheNamedArchitecturesAreThere() throws {
    let filter = try Self.filter("{ \"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_X86_64\"] }")
    #expect(filter.amd64 != nil && filter.i386 == nil)
    let all = try Self.filter("{ \"defaultAction\": \"SCMP_ACT_LOG\" }")
    #expect(all.amd64 != nil && all.i386 != nil && all.defaultResult == 0x7FFC_0000)
  }

  /// As other runtimes have it: several conditions of one argument are alternatives.
  @Test func conditionsOfOneArgumentAreAlternatives() throws {
    let filter = try Self.filter(
      """
      { "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": ["socket"], "action": "SCMP_ACT_ERRNO",
        "args": [{ "index": 0, "value": 38, "op": "SCMP_CMP_EQ" }, { "index": 0, "value": 40, "op": "SCMP_CMP_EQ" }] }] }
      """)
    #expect(filter.amd64?.rules[41].map { $0.conditions.count } == [1, 1])
  }
}
