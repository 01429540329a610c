// sources: Sources/Microcloud/DNSSD Sources/Basics
// A message that is taken can be written, and then reads as the same; every name in it survives being shown and typed.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzDNS(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  do throws(DNSError) {
    check(try DNSDecoder.decode(input))
  } catch {
    precondition(!error.description.isEmpty)
  }
  return 0
}

private func check(_ message: DNSMessage) {
  let records = message.answers + message.authorities + message.additionals
  precondition(message.questions.count + records.count <= DNSMessage.maximumRecords)
  for name in message.questions.map({ $0.name }) + records.map({ $0.name }) { check(name) }
  for case .text(let text) in records.map({ $0.data }) {
    precondition(text.strings.allSatisfy { $0.count <= DNSText.maximumStringBytes })
    _ = text["v"]
  }
  precondition(!DNSRecord.precede(records, records), "a list comes before itself")
  do throws(DNSError) {
    let encoded = try message.encoded()
    let again = try DNSDecoder.decode(encoded)
    precondition(again == message, "another message after a round trip")
    let size = try again.encoded().count
    precondition(size <= encoded.count, "compression is worse the second time")
  } catch {
    // Compressed in another way than ours, it may not fit any more.
    precondition(error == .messageTooLarge, "what was read cannot be written")
  }
}

private func check(_ name: DNSName) {
  precondition(name.byteCount <= DNSName.maximumBytes)
  precondition(name.isRoot || name.isChild(of: name.parent))
  do throws(DNSError) {
    let again = try DNSName(name.description)
    precondition(again.wire == name.wire, "another name after a round trip through text")
    let built = try DNSName(labels: name.labels)
    precondition(built == name)
  } catch {
    preconditionFailure("a name that was read is none")
  }
}
