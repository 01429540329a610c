import Basics
import LinuxSystem
import Testing

@testable import EventLoop

@Suite struct UDPSocketTests {
  @Test(arguments: [IPAddress.loopbackV4, IPAddress.loopbackV6])
  func datagramsArriveWithTheirSource(address: IPAddress) throws {
    let loop = try EventLoop()
    var received: [[UInt8]] = []
    var sources: [SocketAddress] = []
    let receiver = try UDPSocket(on: loop, boundTo: SocketAddress(address, port: 0)) {
      received.append($0.bytes)
      sources.append($0.source)
      #expect($0.localAddress == address && !$0.isMulticast)
    }
    let sender = try UDPSocket(on: loop, boundTo: SocketAddress(address, port: 0)) { _ in }
    try sender.send([1, 2, 3], to: receiver.localAddress!)
    try sender.send([], to: receiver.localAddress!)
    let large = [UInt8](repeating: 5, count: 60_000)
    try sender.send(large, to: receiver.localAddress!)
    try run(loop, until: { received.count == 3 })
    #expect(received == [[1, 2, 3], [], large])
    #expect(sources.allSatisfy { $0 == sender.localAddress! })
    sender.close()
    receiver.close()
    #expect(receiver.localAddress == nil)
    #expect(throws: SystemError.self) { try sender.send([1], to: sources[0]) }
    expectAllClosed(loop, made: loop.handleCounts.made)
  }

  @Test func mayCloseWhileMoreWaits() throws {
    let loop = try EventLoop()
    let receiver = Box<UDPSocket?>(nil)
    var count = 0
    receiver.value = try UDPSocket(on: loop, boundTo: SocketAddress(.loopbackV4, port: 0)) { _ in
      count += 1
      receiver.value = nil
    }
    let sender = try UDPSocket(on: loop, boundTo: SocketAddress(.loopbackV4, port: 0)) { _ in }
    let address = receiver.value!.localAddress!
    for byte in 0..<5 { try sender.send([UInt8(byte)], to: address) }
    try run(loop, until: { count > 0 })
    for _ in 0..<3 { loop.runOnce() }
    #expect(count == 1)
    sender.close()
    expectAllClosed(loop, made: loop.handleCounts.made)
  }

  @Test func errorsNameTheAddress() throws {
    let loop = try EventLoop()
    let first = try UDPSocket(on: loop, boundTo: SocketAddress(.loopbackV4, port: 0)) { _ in }
    let taken = first.localAddress!
    let error = #expect(throws: SystemError.self) { _ = try UDPSocket(on: loop, boundTo: taken) { _ in } }
    #expect(error?.description == "bind UDP to \(taken): Address already in use")
    let tooLong = #expect(throws: SystemError.self) { try first.send([UInt8](repeating: 0, count: 70_000), to: taken) }
    #expect(tooLong?.errno == Errno(rawValue: 90))
    first.close()
    expectAllClosed(loop, made: loop.handleCounts.made)
  }
}
