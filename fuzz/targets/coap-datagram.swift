// sources: Sources/Microcloud/CBOR Sources/Microcloud/CoAP Sources/Basics
// Whatever comes as a datagram, or as a list of links, is refused or read; what is read is written and reads the same.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzCoAPDatagram(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  checkDatagram(input)
  checkLinks(input)
  return 0
}

private func checkDatagram(_ input: [UInt8]) {
  do throws(CoAPDatagramError) {
    let datagram = try CoAPDatagram(decoding: input)
    precondition(input.count <= CoAPDatagram.maximumBytes)
    do throws(CoAPError) {
      let encoded = try datagram.encoded(maximumBytes: input.count)
      precondition(encoded.count <= input.count, "we write longer than others")
      precondition(try! CoAPDatagram(decoding: encoded) == datagram, "another message after a round trip")
    } catch {
      preconditionFailure("a message that was taken cannot be sent")
    }
    checkBlocks(datagram.message)
  } catch {
    precondition(!error.reason.description.isEmpty)
    if error.resetID != nil { precondition(input.count >= 4 && input[0] >> 4 & 3 == 0, "a reset for what needs none") }
  }
}

/// Any request against a body of any length; any response against a client's transfer.
private func checkBlocks(_ message: CoAPMessage) {
  for count: UInt64 in [0, 1, 16, 5000, 1 << 33] {
    let body = CoAPBody(count: count, etag: [1]) { offset, wanted in
      precondition(offset <= count && UInt64(wanted) <= count - offset, "read beyond the end")
      return [UInt8](repeating: 0, count: min(wanted, 8192))
    }
    let response = body.response(to: message, bertBytes: 8192)
    precondition(response.payload.count <= 8192)
  }
  var transfer = CoAPBlockTransfer(CoAPMessage(code: .get), maximumBodyBytes: 4096)
  if case .done(let whole) = transfer.receive(message) { precondition(whole.payload.count <= 4096) }
  _ = (message.conditionsHold(etag: [1]), message.options.notUnderstood(among: CoAPOptionNumber.usualCriticalOptions))
}

private func checkLinks(_ input: [UInt8]) {
  do throws(CoRELinkError) {
    let links = try CoRELink.decode(input)
    let written = CoRELink.encode(links)
    // Escapes and quotes can make it longer than what is read.
    if written.count <= CoRELink.maximumBytes { precondition(try! CoRELink.decode(written) == links, "other links") }
    for link in links { _ = (link.matches("rt=a*"), link.matches("href=/"), link.matches("x")) }
  } catch {}
}
