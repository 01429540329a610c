import Testing

@testable import Images

private let accounts = """
  root:x:0:0:root:/root:/bin/sh
  # a remark
  half:x:7
  odd:x:many:1::/:
  web:x:33:34:web:/srv:/bin/false
  twice:x:50:51::/:
  also:x:50:52::/:
  12:x:60:61:called as a number is written:/:

  """

private let groups = """
  root:x:0:
  staff:x:50:web,root
  999:x:70:
  huge:x:4294967296:

  """

struct ImageUserTests {
  @Test(arguments: [
    ("root", 0, 0), ("web", 33, 34), ("33", 33, 34), ("web:staff", 33, 50), ("web:", 33, 34), ("1000", 1000, 0),
    ("1000:staff", 1000, 50), ("1000:1001", 1000, 1001), ("50", 50, 51), ("also", 50, 52), ("12", 60, 61),
    ("0:999", 0, 70), (":staff", 0, 50), ("4294967295", UInt32.max, 0),
  ])
  func namesAndNumbersAreFoundAsDockerDoes(_ text: String, _ user: UInt32, _ group: UInt32) {
    let found = ImageUser(text, accounts: Array(accounts.utf8), groups: Array(groups.utf8))
    #expect(found == ImageUser(user: user, group: group))
  }

  @Test(arguments: ["nobody", "half", "odd", "web:nobody", "web:huge", "a:b:c", "-1", "4294967296", "web:1:"])
  func whatIsNotThereIsNobody(_ text: String) {
    #expect(ImageUser(text, accounts: Array(accounts.utf8), groups: Array(groups.utf8)) == nil)
  }

  @Test func rootIsSoWithoutAnyFile() {
    #expect(ImageUser(numbers: "root:root") == ImageUser(user: 0, group: 0))
    #expect(ImageUser(numbers: "7:8") == ImageUser(user: 7, group: 8))
    #expect(ImageUser(numbers: "web") == nil)
  }
}
