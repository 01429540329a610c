import Images
import Testing

struct JSONTests {
  private func read(_ text: String, _ limits: JSONLimits = .standard) throws(JSONError) -> JSONValue {
    try JSONReader.read(Array(text.utf8), limits: limits)
  }

  private func reason(_ text: String, _ limits: JSONLimits = .standard) -> JSONError.Reason? {
    reason(Array(text.utf8), limits)
  }

  private func reason(_ bytes: [UInt8], _ limits: JSONLimits = .standard) -> JSONError.Reason? {
    do throws(JSONError) {
      _ = try JSONReader.read(bytes, limits: limits)
      return nil
    } catch {
      return error.reason
    }
  }

  @Test func readsEveryKindOfValue() throws {
    let value = try read(#" {"a" : [null, true, false, 12, "x"], "b":{} ,"c":[ ]} "#)
    let list = try #require(value["a"]?.arrayValue)
    #expect(list.count == 5)
    #expect(list[0].isNull)
    #expect(list[1].boolValue == true)
    #expect(list[2].boolValue == false)
    #expect(list[3].unsignedValue == 12)
    #expect(list[4].stringValue == "x")
    #expect(value["b"]?.objectValue?.isEmpty == true)
    #expect(value["c"]?.arrayValue?.isEmpty == true)
    #expect(value["d"] == nil)
    #expect(list[0]["a"] == nil)
  }

  @Test(arguments: ["0", "-0", "1.5", "1e9", "1E+9", "-1.25e-3", "18446744073709551616"])
  func takesNumbersAsTheyAreSpelled(_ text: String) throws {
    guard case .number(let spelled) = try read(text) else { return #expect(Bool(false), "not a number") }
    #expect(spelled == text)
  }

  @Test func readsWholeNumbersExactly() throws {
    #expect(try read("18446744073709551615").unsignedValue == .max)
    #expect(try read("18446744073709551616").unsignedValue == nil)
    #expect(try read("-9223372036854775808").integerValue == .min)
    #expect(try read("-1").unsignedValue == nil)
    #expect(try read("1.0").unsignedValue == nil)
    #expect(try read("1e2").integerValue == nil)
  }

  @Test(arguments: ["01", "-", "1.", ".5", "+1", "1e", "1e+", "0x10", "NaN", "Infinity", "1.e1", "--1"])
  func refusesWhatIsNoNumber(_ text: String) {
    #expect(reason(text) != nil)
  }

  @Test func undoesEscapes() throws {
    #expect(try read(#""\"\\\/\b\f\n\r\tA\u00e9\u20AC\ud83d\ude00""#).stringValue == "\"\\/\u{8}\u{c}\n\r\tAé€😀")
    #expect(try read(#""\u0000""#).stringValue == "\0")
    #expect(try read("\"é€😀\u{7f}\"").stringValue == "é€😀\u{7f}")
  }

  @Test(arguments: [
    #""\x""#, #""\u12g4""#, #""\ud800""#, #""\ude00""#, #""\ud83dx""#, #""\ud83d\n""#, #""\ud83d\ud83d""#,
  ])
  func refusesWhatIsNoEscape(_ text: String) {
    #expect(reason(text) == .invalidEscape)
  }

  @Test func refusesTextThatIsNotUTF8() {
    #expect(reason([0x22, 0xFF, 0x22]) == .invalidText)
    #expect(reason([0x22, 0xC0, 0x80, 0x22]) == .invalidText)  // overlong
    #expect(reason([0x22, 0xED, 0xA0, 0x80, 0x22]) == .invalidText)  // a surrogate
    #expect(reason([0x22, 0xE2, 0x82, 0x22]) == .invalidText)  // cut
  }

  @Test func refusesControlCharactersInStrings() {
    #expect(reason("\"a\nb\"") == .controlCharacter)
    #expect(reason("\"\0\"") == .controlCharacter)
  }

  @Test func refusesTheSameNameTwiceHoweverItIsSpelled() {
    #expect(reason(#"{"a":1,"a":1}"#) == .duplicateName)
    #expect(reason(#"{"a":1,"b":2,"\u0061":3}"#) == .duplicateName)
    #expect(reason(#"{"a":1,"A":1,"":2}"#) == nil)
    // Canonically equivalent, yet other bytes.
    #expect(reason(#"{"\u00e9":1,"e\u0301":1}"#) == nil)
  }

  @Test(arguments: [
    "{", "[", "[1", "[1,", #"{"a""#, #"{"a":"#, #"{"a":1"#, #"{"a":1,"#, #"""#, #""\"#, #""\u12"#, "tru", "", "  ",
  ])
  func saysThatADocumentIsCut(_ text: String) {
    #expect(reason(text) == .truncated)
  }

  @Test(arguments: [
    "[1,]", "[,1]", #"{"a":1,}"#, "{1:2}", "[1 2]", #"{"a" 1}"#, "'a'", "[1]]", "/**/1", "1 //", "nul1", "True", "]",
    "\u{FEFF}1", "\u{0B}1", "1\0",
  ])
  func refusesWhatIsNotInTheGrammar(_ text: String) {
    let reason = reason(text)
    #expect(reason != nil && reason != .truncated)
  }

  @Test func limitsDepthCountAndSize() {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    #expect(reason(nested(32)) == nil)
    #expect(reason(nested(33)) == .tooDeep)
    #expect(reason(nested(60_000)) == .tooDeep)
    let limits = JSONLimits(depth: 3, values: 4, inputBytes: 20)
    #expect(reason("[1,2,3]", limits) == nil)
    #expect(reason("[1,2,3,4]", limits) == .tooManyValues)
    #expect(reason("1" + String(repeating: " ", count: 20), limits) == .tooLarge)
  }

  @Test func saysWhere() {
    let bytes = Array(#"xx[1,?]"#.utf8)[2...]
    #expect(throws: JSONError(.unexpectedByte, offset: 3)) { try JSONReader.read(bytes) }
  }

  @Test func neverTrapsOnAPartOfADocument() throws {
    let text = Array(#"{"a":[1.5e3,"\ud83d\ude00é",{"b":null,"c":[true,false]}],"d":-0}"#.utf8)
    _ = try JSONReader.read(text)
    for count in 0..<text.count {
      #expect(throws: JSONError.self) { try JSONReader.read(Array(text[..<count])) }
    }
  }
}
