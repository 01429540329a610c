import Basics
import LinuxSystem
import Testing

@testable import EventLoop

@Suite struct InterfaceWatcherTests {
  @Test func tellsOfTheLoopback() throws {
    let loop = try EventLoop()
    var told: [[NetworkInterface]] = []
    let watcher = try InterfaceWatcher(
      on: loop, isIncluded: { $0.flags.contains(.loopback) }, onChange: { told.append($0) })
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
    let watcher = try InterfaceWatcher(on: loop, isIncluded: { $0.index == 1 }, onChange: { _ in count += 1 })
    try run(loop, until: { count == 1 })
    for _ in 0..<10 { loop.runOnce() }
    #expect(count == 1)
    watcher.close()
  }
}
