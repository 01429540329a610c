// sources: Sources/Microcloud/CBOR Sources/Basics
// What decodes must encode to hardly more bytes than it came from, decode again to the same, and print.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzCBOR(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  do throws(CBORError) {
    let (value, rest) = try CBORDecoder.decodePrefix(input[...])
    let encoded = value.encoded
    let consumed = input.count - rest.count
    // An array of indefinite length and 256 items or more grows by one byte, as its head then takes three.
    precondition(encoded.count <= consumed + consumed / 256, "the encoding is longer than the input")
    check(value, encoded)
    precondition(!CBORJSON.encode(value) { _ in nil }.isEmpty)
    precondition(!value.description.isEmpty)
  } catch {
    precondition(error.offset <= count, "an offset beyond the input")
    precondition(!error.description.isEmpty)
  }
  return 0
}

private func check(_ value: CBORValue, _ encoded: [UInt8]) {
  do throws(CBORError) {
    let again = try CBORDecoder.decode(encoded)
    precondition(again == value, "another value after a round trip")
    precondition(again.encoded == encoded, "the encoding is not deterministic")
  } catch {
    preconditionFailure("what we encode does not decode")
  }
}
