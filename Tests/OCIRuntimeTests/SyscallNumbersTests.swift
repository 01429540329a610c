import Testing

@testable import OCIRuntime

@Suite struct SyscallNumbersTests {
  @Test func everyNameOfATableIsFoundAndNoOther() {
    for table in [SyscallNames.i386, SyscallNames.amd64] {
      let numbers = SyscallNumbers(table)
      let names = table.description.split(separator: " ")
      #expect(numbers.count == names.count)
      for (number, name) in names.enumerated() where name != "-" { #expect(numbers[String(name)] == number) }
      for name in ["", "-", "rea", "reads", "read write"] { #expect(numbers[name] == nil) }
    }
  }
}
