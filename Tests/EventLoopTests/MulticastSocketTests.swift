import Basics
import LinuxSystem
import Testing

@testable import EventLoop

@Suite struct MulticastSocketTests {
  private let group = IPAddress.v4(0xE000_00FB)  // 224.0.0.251
  private let loopback: UInt32 = 1

  /// Two programs on a port that nobody else uses.
  private func pair(
    on loop: EventLoop, _ first: @escaping (MulticastSocket.Datagram) -> Void,
    _ second: @escaping (MulticastSocket.Datagram) -> Void
  ) throws -> (MulticastSocket, MulticastSocket, UInt16) {
    let chosen = try UDPSocket(on: loop, boundTo: SocketAddress(.anyV4, port: 0)) { _, _ in }
    let port = try #require(chosen.localAddress?.port)
    chosen.close()
    return (
      try MulticastSocket(on: loop, .v4, port: port, onReceive: first),
      try MulticastSocket(on: loop, .v4, port: port, onReceive: second), port
    )
  }

  @Test func allHearAGroupAndOneHearsWhatIsSentToTheMachine() throws {
    let loop = try EventLoop()
    var heard: [[MulticastSocket.Datagram]] = [[], []]
    let (first, second, port) = try pair(on: loop, { heard[0].append($0) }, { heard[1].append($0) })
    for socket in [first, second] { try socket.join(group, interface: loopback) }
    try first.send([1, 2], to: SocketAddress(group, port: port), interface: loopback)
    try run(loop, until: { heard.allSatisfy { $0.count == 1 } })
    for datagram in heard.joined() {
      #expect(datagram.bytes == [1, 2] && datagram.isMulticast && datagram.interface == loopback)
      #expect(datagram.source.port == port)
    }
    try first.send([3], to: SocketAddress(.loopbackV4, port: port), interface: loopback)
    try run(loop, until: { heard.joined().count == 3 })
    let unicast = try #require(heard.joined().first { $0.bytes == [3] })
    #expect(!unicast.isMulticast && unicast.interface == loopback)
    first.close()
    second.close()
    #expect(throws: SystemError.self) {
      try first.send([1], to: SocketAddress(group, port: port), interface: loopback)
    }
    expectAllClosed(loop, made: loop.handleCounts.made)
  }

  @Test func hearsNoGroupThatOnlyOthersHaveJoined() throws {
    let loop = try EventLoop()
    var heard = [0, 0]
    let (first, second, port) = try pair(on: loop, { _ in heard[0] += 1 }, { _ in heard[1] += 1 })
    try first.join(group, interface: loopback)
    try first.send([1], to: SocketAddress(group, port: port), interface: loopback)
    try run(loop, until: { heard[0] == 1 })
    #expect(heard == [1, 0])
    try first.leave(group, interface: loopback)
    let error = #expect(throws: SystemError.self) { try first.leave(group, interface: loopback) }
    #expect(error?.description == "leave 224.0.0.251 on interface 1: Cannot assign requested address")
    first.close()
    second.close()
  }

  /// Groups of IPv6 need a link: Tests/system has one.
  @Test func sendsAndHearsOverIPv6() throws {
    let loop = try EventLoop()
    var heard: [MulticastSocket.Datagram] = []
    var sources: [SocketAddress] = []
    let socket = try MulticastSocket(on: loop, .v6, port: 0) { heard.append($0) }
    let other = try UDPSocket(on: loop, boundTo: SocketAddress(.loopbackV6, port: 0)) { sources.append($1) }
    try socket.join(.v6(high: 0xFF02 << 48, low: 0xFB), interface: loopback)
    try socket.send([9], to: #require(other.localAddress), interface: loopback)
    try run(loop, until: { sources.count == 1 })
    try other.send([10], to: sources[0])
    try run(loop, until: { heard.count == 1 })
    #expect(heard[0].source == other.localAddress && heard[0].interface == loopback && !heard[0].isMulticast)
    socket.close()
    other.close()
  }
}

@Suite struct InterfaceWatcherTests {
  @Test func tellsOfTheLoopback() throws {
    let loop = try EventLoop()
    var told: [[NetworkInterface]] = []
    let watcher = try InterfaceWatcher(on: loop, isIncluded: { $0.flags.contains(.loopback) }) { told.append($0) }
    try run(loop, until: { !told.isEmpty })
    let interface = try #require(told[0].first)
    #expect(told[0].count == 1 && interface.index == 1 && interface.name == "lo")
    #expect(interface.flags.isSuperset(of: [.up, .running]))
    let address = try #require(interface.addresses.first { $0.address == .loopbackV4 })
    #expect(address.prefixBits == 8 && address.scope == .host && address.isUsable)
    #expect(watcher.interfaces == told[0])
    watcher.close()
    expectAllClosed(loop, made: loop.handleCounts.made)
  }

  /// Asked for everything once: with no change nothing wakes the loop again.
  @Test func isQuietWhenNothingChanges() throws {
    let loop = try EventLoop()
    var count = 0
    let watcher = try InterfaceWatcher(on: loop, isIncluded: { $0.index == 1 }) { _ in count += 1 }
    try run(loop, until: { count == 1 })
    for _ in 0..<10 { loop.runOnce() }
    #expect(count == 1)
    watcher.close()
  }
}
