import Testing

@testable import Microcloud

struct RegularExpressionTests {
  /// Either the expression is one that we do not know, or we say what Go says.
  @Test func agreesWithGo() throws {
    let lines = GossipVectors.lines("regexp.txt")
    let texts = lines.filter { $0[0] == "T" }.map { text($0[1]) }
    var unknown: [String] = []
    for line in lines where line[0] != "T" {
      let pattern = text(line[0])
      guard let expression = RegularExpression(pattern) else {
        if line[1] != "!" { unknown.append(pattern) }
        continue
      }
      let verdicts = texts.map { expression.matches($0) == true ? "1" : "0" }.joined()
      #expect(verdicts == line[1], "\(pattern)")
    }
    #expect(
      unknown == [
        "a{2}", "a{", "(?i)web", "(?P<n>a)", #"\bweb"#, #"\pL"#, "[[:alpha:]]", #"\x41"#, #"[\w]+\s[\W]"#, "(a?){1}",
      ])
  }

  @Test func takesTimeInProportion() {
    let pattern = String(repeating: "a?", count: 60) + String(repeating: "a", count: 60)
    #expect(RegularExpression("^\(pattern)$")?.matches(String(repeating: "a", count: 60)) == true)
    let nested = RegularExpression("^((((a*)*)*)*)*$")
    #expect(nested?.matches(String(repeating: "a", count: 1000) + "b") == false)
  }

  @Test func limitsPatternsAndTexts() {
    let longest = String(repeating: "a", count: RegularExpression.maximumScalars)
    #expect(RegularExpression(longest) != nil)
    #expect(RegularExpression(longest + "a") == nil)
    let expression = RegularExpression("b")!
    let text = String(repeating: "a", count: RegularExpression.maximumTextScalars - 1)
    #expect(expression.matches(text + "b") == true)
    #expect(expression.matches(text + "ab") == nil)
    let depth = RegularExpression.maximumDepth
    func nested(_ depth: Int) -> String {
      String(repeating: "(", count: depth) + String(repeating: ")", count: depth)
    }
    #expect(RegularExpression(nested(depth)) != nil)
    #expect(RegularExpression(nested(depth + 1)) == nil)
  }

  private func text(_ hexadecimal: String) -> String {
    String(decoding: bytes(hexadecimal), as: UTF8.self)
  }
}
