// sources: Sources/Microcloud/Cloudy/BZip2
// What expands stays within the limits, and packs again to what expands to it; so does the input itself.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzBZip2(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  do throws(BZip2Error) {
    let limit = 8 * 1024
    let expanded = try BZip2.expand(input[...], limit: limit)
    precondition(expanded.count <= limit, "more than the limit")
    check(expanded)
  } catch {
    precondition(!error.description.isEmpty)
  }
  if input.count <= 300 { check(input) }
  return 0
}

private func check(_ text: [UInt8]) {
  let packed = BZip2.pack(text)
  let again = try? BZip2.expand(packed[...])
  precondition(again == text, "another text after a round trip")
  precondition(packed.count <= text.count + text.count / 4 + 120, "packed, it is much larger")
}
