// sources: Sources/Microcloud/CBOR Sources/Microcloud/CoAP Sources/Basics
// However a stream is split (the first byte says), the same messages and the same error come out; every message
// encodes to bytes that decode to it.

private struct Outcome: Equatable {
  var messages: [CoAPMessage] = []
  var error: CoAPError?
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzCoAPStream(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  guard let chunk = input.first else { return 0 }
  let stream = input.dropFirst()
  let whole = decode(stream, chunk: stream.count + 1)
  precondition(decode(stream, chunk: Int(chunk) + 1) == whole, "a split changes what comes out")
  for message in whole.messages { check(message) }
  return 0
}

private func decode(_ stream: ArraySlice<UInt8>, chunk: Int) -> Outcome {
  var decoder = CoAPStreamDecoder()
  var outcome = Outcome()
  var rest = stream
  do throws(CoAPError) {
    while !rest.isEmpty {
      var part = rest.prefix(chunk)
      rest = rest.dropFirst(chunk)
      while let message = try decoder.next(from: &part) { outcome.messages.append(message) }
      precondition(part.isEmpty, "bytes left over while more are asked for")
    }
  } catch {
    outcome.error = error
  }
  return outcome
}

private func check(_ message: CoAPMessage) {
  do throws(CoAPError) {
    let encoded = try CoAPStreamEncoder.encode(message)
    let again = decode(encoded[...], chunk: encoded.count)
    precondition(again == Outcome(messages: [message], error: nil), "another message after a round trip")
  } catch {
    preconditionFailure("a message that was taken cannot be sent")
  }
  _ = (message.path, message.query, message.contentFormat, message.accept, message.code.description)
  if message.code == .capabilitiesAndSettings {
    var settings = CapabilitiesAndSettings.initial
    try? settings.update(from: message)
  }
  if let value = try? CBORDecoder.decode(message.payload) { _ = try? ProblemDetails(value) }
}
