// sources: Sources/LinuxSystem/Interfaces Sources/Netlink Sources/Basics
// Whatever the kernel says, the table keeps to its limits and to its order, and asks only as answers end; and what it says of
// requests is short and plain.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRouteMessage(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  var table = InterfaceTable()
  _ = table.begin()
  // A first byte says how long the receives are.
  let chunk = max(16, Int(input.first ?? 0) * 8)
  var rest = input.dropFirst()
  while !rest.isEmpty {
    if let request = table.receive(rest.prefix(chunk)) {
      precondition(request.count == 20, "a request of another length")
    }
    rest = rest.dropFirst(chunk)
  }
  for answer in NetlinkAnswer.decode(input[...]) {
    precondition(answer.text.utf8.count <= NetlinkAnswer.maximumTextBytes, "too long a reason")
    precondition(answer.text.utf8.allSatisfy { (0x20..<0x7F).contains($0) }, "a reason that is not plain")
  }
  var messages = input[...]
  while let message = messages.popNetlinkMessage() {
    guard let link = LinkRecord(message) else { continue }
    precondition(link.name.utf8.count <= 3 * 256 && link.alias.utf8.count <= 3 * 256, "too long a text of a link")
  }
  let interfaces = table.interfaces
  precondition(interfaces.count <= InterfaceTable.maximumInterfaces, "too many interfaces")
  for (left, right) in zip(interfaces, interfaces.dropFirst()) {
    precondition(left.index < right.index, "out of order")
  }
  for interface in interfaces {
    precondition(interface.name.utf8.count <= 3 * RouteMessage.maximumNameBytes, "too long a name")
    precondition(interface.addresses.count <= InterfaceTable.maximumAddresses, "too many addresses")
    for (place, address) in interface.addresses.enumerated() {
      precondition(!interface.addresses[..<place].contains { $0.address == address.address }, "an address twice")
      precondition(Int(address.prefixBits) <= address.address.networkBytes.count * 8, "too long a prefix")
    }
  }
  return 0
}
