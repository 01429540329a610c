import Basics
import LinuxSystem
import Testing

@testable import EventLoop

/// On the loopback. IPv6, and what is sent to one machine alone, need a link: Tests/system has one.
@Suite struct MulticastTests {
  private let loopback: UInt32 = 1

  /// A group at a port that nobody else uses.
  private func freeGroup(on loop: EventLoop) throws -> SocketAddress {
    let chosen = try UDPSocket(on: loop, boundTo: SocketAddress(.anyV4, port: 0)) { _ in }
    let port = try #require(chosen.localAddress?.port)
    chosen.close()
    return SocketAddress(.v4(0xE000_00FB), port: port)  // 224.0.0.251
  }

  @Test func allOnAPortHearTheirGroup() throws {
    let loop = try EventLoop()
    let group = try freeGroup(on: loop)
    var heard: [[Datagram]] = [[], []]
    let sockets = try (0..<2).map { index in
      try UDPSocket(on: loop, group: group, interface: loopback) { heard[index].append($0) }
    }
    try sockets[0].send([1, 2], to: group)
    try run(loop, until: { heard.allSatisfy { $0.count == 1 } })
    for datagram in heard.joined() {
      #expect(datagram.bytes == [1, 2] && datagram.isMulticast && datagram.source.port == group.port)
    }
    for socket in sockets { socket.close() }
    #expect(throws: SystemError.self) { try sockets[0].send([1], to: group) }
    expectAllClosed(loop, made: loop.handleCounts.made)
  }

  @Test func tellsWhatIsSentToTheMachineAlone() throws {
    let loop = try EventLoop()
    let group = try freeGroup(on: loop)
    var heard: [Datagram] = []
    let socket = try UDPSocket(on: loop, group: group, interface: loopback) { heard.append($0) }
    let other = try UDPSocket(on: loop, boundTo: SocketAddress(.loopbackV4, port: 0)) { _ in }
    try other.send([3], to: SocketAddress(.loopbackV4, port: group.port))
    try run(loop, until: { heard.count == 1 })
    #expect(heard[0].bytes == [3] && !heard[0].isMulticast && heard[0].source == other.localAddress)
    socket.close()
    other.close()
  }

  @Test func errorsNameTheGroupAndTheInterface() throws {
    let loop = try EventLoop()
    let group = SocketAddress(.v4(0xE000_00FB), port: 5353)
    let error = #expect(throws: SystemError.self) {
      _ = try UDPSocket(on: loop, group: group, interface: 1_000_000) { _ in }
    }
    #expect(error?.description == "join 224.0.0.251:5353 on interface 1000000: No such device")
    expectAllClosed(loop, made: loop.handleCounts.made)
  }
}
