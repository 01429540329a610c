// sources: Sources/Microcloud/Cloudy/BZip2 Sources/Microcloud/Cloudy/CloudyText.swift Sources/Microcloud/Cloudy/CloudyService.swift Sources/Microcloud/Cloudy/ServicesReader.swift Sources/Microcloud/Cloudy/ServicesTag.swift Sources/Microcloud/Cloudy/MicroagentEntry.swift Sources/Microcloud/Serf/Tags.swift Sources/Microcloud/MessagePack Sources/Microcloud/CBOR Sources/Basics
// The input is a tag, and it is the list that a tag holds. What is read can be said again, within the limits.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzServicesTag(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  do throws(ServicesTagError) {
    check(try ServicesTag.decode(String(decoding: input, as: UTF8.self)))
  } catch {
    precondition(!error.description.isEmpty)
  }
  do throws(ServicesTagError) {
    check(try ServicesReader.read(input))
  } catch {
    if case .malformed(let offset) = error { precondition(offset <= count, "an offset beyond the input") }
  }
  if let bytes = Base64.decode(input) {
    let digits = input.prefix { $0 != 0x3D }
    let again = Base64.encoded(bytes).prefix(digits.count)
    precondition(again.elementsEqual(digits), "another base64 after a round trip")
  }
  return 0
}

private func check(_ services: [CloudyService]) {
  precondition(services.count <= ServicesTag.maximumServices)
  guard let agent = services.first else { return }
  let published = services.dropFirst().prefix(4).map { RankedService($0, order: 0) }
  let tag = ServicesTag(agent: agent, services: published)
  precondition(tag.value.utf8.count <= ServicesTag.maximumValueBytes, "longer than the limit")
  let said = try? ServicesTag.decode(tag.value)
  let kept = [agent] + published.prefix(published.count - tag.dropped.count).map { $0.service }
  precondition(said == kept.map { $0.cleaned }, "other services after a round trip")
  for service in services {
    _ = MicroagentEntry(text: service.text).map { precondition(MicroagentEntry(text: $0.text) == $0) }
  }
}
