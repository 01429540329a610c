// sources: Sources/Microcloud/MessagePack
// An item is stepped over to the same place at once and in pieces (the first byte says how large), and what a reader
// takes from it can be written and read again.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzMessagePack(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  guard let chunk = input.first else { return 0 }
  let bytes = input.dropFirst()
  let whole = skip(bytes, chunk: bytes.count + 1)
  precondition(skip(bytes, chunk: Int(chunk) + 1) == whole, "pieces change what is stepped over")
  checkReader(bytes, skipped: whole)
  checkValues(bytes)
  return 0
}

private struct Outcome: Equatable {
  var bytes = 0
  var isDone = false
  var error: MessagePackError.Reason?
}

private func skip(_ bytes: ArraySlice<UInt8>, chunk: Int) -> Outcome {
  var skipper = MessagePackSkipper()
  var outcome = Outcome()
  var there: ArraySlice<UInt8> = []
  var rest = bytes
  do throws(MessagePackError.Reason) {
    while !outcome.isDone, !rest.isEmpty {
      there += rest.prefix(chunk)
      rest = rest.dropFirst(chunk)
      outcome.isDone = try skipper.advance(through: &there)
      precondition(there.count < 9 || outcome.isDone, "a head is longer than any")
    }
  } catch {
    outcome.error = error
  }
  if outcome.error == nil { outcome.bytes = bytes.count - rest.count - there.count }
  return outcome
}

private func checkReader(_ bytes: ArraySlice<UInt8>, skipped: Outcome) {
  var reader = MessagePackReader(bytes)
  do throws(MessagePackError) {
    try reader.skip()
    precondition(skipped.isDone && reader.offset == skipped.bytes, "two ways to step over an item differ")
  } catch {
    precondition(error.offset <= bytes.count, "an offset beyond the input")
    precondition(!error.description.isEmpty)
    precondition(error.reason == .tooLong || !skipped.isDone, "one of two ways to step over an item fails")
  }
}

private func checkValues(_ bytes: ArraySlice<UInt8>) {
  check(bytes, read: { (reader) throws(MessagePackError) in try reader.unsigned() }, write: { $0.unsigned($1) })
  check(bytes, read: { (reader) throws(MessagePackError) in try reader.integer() }, write: { $0.integer($1) })
  check(bytes, read: { (reader) throws(MessagePackError) in try reader.bool() }, write: { $0.bool($1) })
  check(bytes, read: { (reader) throws(MessagePackError) in try reader.raw() }, write: { $0.raw(Array($1)) })
  check(bytes, read: { (reader) throws(MessagePackError) in try reader.array() }, write: { $0.array(Int($1)) })
  check(bytes, read: { (reader) throws(MessagePackError) in try reader.map() }, write: { $0.map(Int($1)) })
  // Equal bits, as no NaN is equal to itself.
  check(
    bytes, read: { (reader) throws(MessagePackError) in try reader.double().bitPattern },
    write: { $0.double(Double(bitPattern: $1)) })
}

private func check<Value: Equatable>(
  _ bytes: ArraySlice<UInt8>, read: (inout MessagePackReader) throws(MessagePackError) -> Value,
  write: (inout MessagePackEncoder, Value) -> Void
) {
  var reader = MessagePackReader(bytes)
  do throws(MessagePackError) {
    let value = try read(&reader)
    var encoder = MessagePackEncoder()
    write(&encoder, value)
    var again = MessagePackReader(encoder.bytes[...])
    let same = try read(&again)
    precondition(same == value && again.rest.isEmpty, "another value after a round trip")
    // A float and nil may have come in a shorter form, and the lengths of one byte are not ours to write.
    precondition(encoder.bytes.count <= max(reader.offset + 1, 9), "the encoding is longer than the input")
  } catch {
    precondition(error.offset <= bytes.count, "an offset beyond the input")
  }
}
