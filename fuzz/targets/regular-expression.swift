// sources: Sources/Microcloud/MessagePack Sources/Microcloud/Memberlist Sources/Microcloud/Serf Sources/Microcloud/CBOR Sources/Basics
// The pattern is what stands before the first zero byte, the text is the rest. Expressions that mean the same have to say
// the same.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRegularExpression(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  let parts = input.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
  guard parts.count == 2 else { return 0 }
  let pattern = String(decoding: parts[0], as: UTF8.self)
  let text = String(decoding: parts[1], as: UTF8.self)
  guard let expression = RegularExpression(pattern), let verdict = expression.matches(text) else { return 0 }
  for same in ["(\(pattern))", "(?:\(pattern)|\(pattern))", "(?:\(pattern))+", "(?:\(pattern))+?(?:\(pattern))*"] {
    expect(same, text, verdict)
  }
  expect("^[^a]*a*(?:.|\\n)*(?:\(pattern))", text, hasNoAnchor(pattern) ? verdict : nil)
  expect("(?:\(pattern))?", text, true)
  expect("(?:\(pattern))|", text, true)
  if RegularExpression("^(?:\(pattern))$")?.matches(text) == true { precondition(verdict) }
  return 0
}

private func hasNoAnchor(_ pattern: String) -> Bool {
  !pattern.utf8.contains(UInt8(ascii: "^")) && !pattern.utf8.contains(UInt8(ascii: "$"))
}

/// A longer pattern may be beyond the limits.
private func expect(_ pattern: String, _ text: String, _ verdict: Bool?) {
  guard let verdict, let matches = RegularExpression(pattern)?.matches(text) else { return }
  precondition(matches == verdict, "expressions that mean the same say otherwise")
}
