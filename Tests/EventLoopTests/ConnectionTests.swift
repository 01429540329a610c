import Basics
import LinuxSystem
import TestSupport
import Testing

@testable import EventLoop

#if canImport(Glibc)
  import Glibc
#endif

/// Two ends of a connection over a listener, each with what it heard.
private final class Pair {
  let loop: EventLoop
  let directory = TemporaryDirectory()
  var listener: Listener?
  var server: Connection?
  var client: Connection?
  var heard: [UInt8] = []
  var ends: [SystemError?] = []

  init(tcp: Bool = false) throws {
    loop = try EventLoop()
    if tcp {
      listener = try Listener(on: loop, address: SocketAddress(.loopbackV4, port: 0)) { self.accepted($0) }
      client = try Connection(on: loop, address: listener!.localAddress!)
    } else {
      listener = try Listener(on: loop, path: directory.socket, mode: 0o600) { self.accepted($0) }
      client = try Connection(on: loop, path: directory.socket)
    }
    try run(loop, until: { self.server != nil })
  }

  func accepted(_ connection: Connection) {
    server = connection
    connection.onRead = { self.heard += $0 }
    connection.onEnd = { self.ends.append($0) }
    try? connection.startReading()
  }

  func close() {
    listener?.close()
    server?.close()
    client?.close()
  }
}

@Suite struct ConnectionTests {
  @Test(arguments: [false, true]) func carriesBytesBothWays(tcp: Bool) throws {
    let pair = try Pair(tcp: tcp)
    var answer: [UInt8] = []
    pair.client!.onRead = { answer += $0 }
    try pair.client!.startReading()
    try pair.client!.write([1, 2, 3])
    try run(pair.loop, until: { pair.heard == [1, 2, 3] })
    try pair.server!.write([4, 5])
    try run(pair.loop, until: { answer == [4, 5] })
    pair.close()
    expectAllClosed(pair.loop, made: pair.loop.handleCounts.made)
  }

  @Test func knowsWhoIsThere() throws {
    let pair = try Pair()
    let credentials = try pair.server!.peerCredentials()
    #expect(credentials.process == getpid() && credentials.user == getuid() && credentials.group == getgid())
    pair.close()
    #expect(throws: SystemError.self) { try pair.server!.peerCredentials() }
    let tcp = try Pair(tcp: true)
    #expect(tcp.server!.peerAddress?.address == .loopbackV4)
    tcp.close()
  }

  @Test(arguments: [false, true]) func bigWritesArriveWholeAndDrain(tcp: Bool) throws {
    let pair = try Pair(tcp: tcp)
    let piece = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 11) }
    var written: [UInt8] = []
    var drained = 0
    pair.client!.queueLimitBytes = 2 * piece.count
    pair.client!.onDrain = { drained += 1 }
    while pair.client!.queuedBytes == 0 && written.count < 64 * piece.count {  // the kernel takes some MB by itself
      try pair.client!.write(piece)
      written += piece
    }
    #expect(pair.client!.queuedBytes > 0)
    try run(pair.loop, until: { pair.heard.count == written.count && drained > 0 })
    #expect(pair.heard == written)
    #expect(drained == 1 && pair.client!.queuedBytes == 0)
    pair.close()
  }

  @Test func aPeerThatDoesNotReadFillsTheQueueAndNoMore() throws {
    let pair = try Pair()
    pair.server!.stopReading()
    let piece = [UInt8](repeating: 7, count: 50_000)
    var written = 0
    let error = #expect(throws: SystemError.self) {
      for _ in 0..<100 {
        try pair.client!.write(piece)
        written += piece.count
      }
    }
    #expect(error?.errno == .noBufferSpace)
    #expect(pair.client!.queuedBytes <= pair.client!.queueLimitBytes)
    #expect(pair.client!.queuedBytes > pair.client!.queueLimitBytes - piece.count)
    try pair.server!.startReading()
    try run(pair.loop, until: { pair.heard.count == written })
    pair.close()
  }

  @Test func thePeersEndIsToldOnceAndAnswersStillGoOut() throws {
    let pair = try Pair()
    var finished = false
    try pair.client!.write([9])
    pair.client!.finish { finished = true }
    #expect(finished)
    try run(pair.loop, until: { pair.ends.count == 1 })
    #expect(pair.ends == [nil] && pair.heard == [9])
    for _ in 0..<3 { pair.loop.runOnce() }
    #expect(pair.ends.count == 1)
    pair.close()
  }

  @Test func aPeerThatGoesMidWriteIsAnError() throws {
    let pair = try Pair()
    pair.server!.stopReading()
    pair.client!.queueLimitBytes = 4_000_000
    var ends: [SystemError?] = []
    pair.client!.onEnd = { ends.append($0) }
    try pair.client!.write([UInt8](repeating: 1, count: 2_000_000))
    pair.server = nil  // dropped: closed with bytes unread
    try run(pair.loop, until: { ends.count == 1 })
    #expect(ends[0]?.errno == .brokenPipe || ends[0]?.errno == Errno(rawValue: 104))
    let error = #expect(throws: SystemError.self) { try pair.client!.write([1]) }
    #expect(error?.errno == .brokenPipe || error?.errno == Errno(rawValue: 104))
    pair.close()
    expectAllClosed(pair.loop, made: pair.loop.handleCounts.made)
  }

  @Test func finishSendsWhatIsQueuedFirst() throws {
    let pair = try Pair()
    var finished = 0
    let bytes = [UInt8](repeating: 3, count: 250_000)
    try pair.client!.write(bytes)
    try pair.client!.write([4])
    pair.client!.finish {
      finished += 1
      pair.client = nil
    }
    try run(pair.loop, until: { pair.ends.count == 1 })
    #expect(finished == 1 && pair.heard.count == bytes.count + 1)
    pair.close()
  }

  @Test func finishEndsWhenThePeerBreaksOff() throws {
    let pair = try Pair()
    pair.server!.stopReading()
    var finished = 0
    try pair.client!.write([UInt8](repeating: 3, count: 250_000))
    try pair.client!.write([4])
    #expect(pair.client!.queuedBytes > 0)
    pair.client!.finish { finished += 1 }
    #expect(throws: SystemError.self) { try pair.client!.write([5]) }
    pair.server!.close()
    try run(pair.loop, until: { finished == 1 })
    #expect(!pair.client!.isOpen)
    pair.close()
  }

  @Test func mayCloseInEachOfItsClosures() throws {
    for place in 0..<3 {
      let pair = try Pair()
      let done = Box(false)
      let close = {
        pair.client = nil
        done.value = true
      }
      if place == 0 { pair.client!.onRead = { _ in close() } }
      if place == 1 { pair.client!.onEnd = { _ in close() } }
      if place == 2 { pair.client!.onDrain = close }
      try pair.client!.startReading()
      if place == 0 { try pair.server!.write([1]) }
      if place == 1 { pair.server!.close() }
      if place == 2 { try pair.client!.write([UInt8](repeating: 0, count: 256 * 1024)) }
      try run(pair.loop, until: { done.value })
      pair.close()
      expectAllClosed(pair.loop, made: pair.loop.handleCounts.made)
    }
  }

  @Test func whoComesWhileNobodyIsAcceptedWaits() throws {
    let loop = try EventLoop()
    let directory = TemporaryDirectory()
    var accepted: [Connection] = []
    let listener = try Listener(on: loop, path: directory.socket, mode: 0o600) { accepted.append($0) }
    listener.isAccepting = false
    let clients = try (0..<3).map { _ in try Connection(on: loop, path: directory.socket) }
    var turns = 0
    try run(loop) {
      turns += 1
      return turns > 5
    }
    #expect(accepted.isEmpty)
    listener.isAccepting = true
    try run(loop, until: { accepted.count == 3 })
    for connection in accepted + clients { connection.close() }
    listener.close()
    expectAllClosed(loop, made: loop.handleCounts.made)
  }

  @Test func aListenerMayCloseInItsClosure() throws {
    let loop = try EventLoop()
    let directory = TemporaryDirectory()
    let listener = Box<Listener?>(nil)
    var accepted = 0
    listener.value = try Listener(on: loop, path: directory.socket, mode: 0o600) { _ in
      accepted += 1
      listener.value = nil
    }
    let client = try Connection(on: loop, path: directory.socket)
    try run(loop, until: { accepted == 1 })
    client.close()
    expectAllClosed(loop, made: loop.handleCounts.made)
  }

  @Test func theSocketFileHasItsModeAndALeftOverOneIsReplaced() throws {
    let loop = try EventLoop()
    let directory = TemporaryDirectory()
    let first = try Listener(on: loop, path: directory.socket, mode: 0o660) { _ in }
    var status = stat()
    #expect(stat(directory.socket, &status) == 0 && status.st_mode & 0o777 == 0o660)
    let error = #expect(throws: SystemError.self) {
      _ = try Listener(on: loop, path: directory.socket, mode: 0o600) { _ in }
    }
    #expect(error?.description == "listen on \(directory.socket): Address already in use")
    first.close()
    let second = try Listener(on: loop, path: directory.socket, mode: 0o600) { _ in }
    #expect(stat(directory.socket, &status) == 0 && status.st_mode & 0o777 == 0o600)
    second.close()
  }

  /// Regression: it was deleted and made again, and whoever connected in between was told that there is no agent.
  @Test func aLeftOverSocketFileIsReplacedWithoutAGap() throws {
    let loop = try EventLoop()
    let directory = TemporaryDirectory()
    try Listener(on: loop, path: directory.socket, mode: 0o600) { _ in }.close()
    loop.runOnce()
    let watch = inotify_init1(CInt(IN_NONBLOCK))
    defer { close(watch) }
    #expect(inotify_add_watch(watch, directory.path, UInt32(IN_DELETE)) > 0)
    let next = try Listener(on: loop, path: directory.socket, mode: 0o600) { _ in }
    var events = [UInt8](repeating: 0, count: 4096)
    #expect(read(watch, &events, events.count) == -1 && errno == EAGAIN, "something was deleted")
    let client = try Connection(on: loop, path: directory.socket)
    client.close()
    next.close()
  }

  /// An agent may die after it has made a socket file and before that has its name.
  @Test func whatAnAgentThatDiedHadMadeIsNotInTheWay() throws {
    let loop = try EventLoop()
    let directory = TemporaryDirectory()
    try Listener(on: loop, path: directory.path + "/~", mode: 0o600) { _ in }.close()
    loop.runOnce()
    for _ in 0..<2 {
      try Listener(on: loop, path: directory.socket, mode: 0o600) { _ in }.close()
      loop.runOnce()
      #expect(try Files.list(directory.path) == ["s"])
    }
  }

  @Test func connectingToNobodyIsAnError() throws {
    let loop = try EventLoop()
    let directory = TemporaryDirectory()
    let error = #expect(throws: SystemError.self) { _ = try Connection(on: loop, path: directory.socket) }
    #expect(error?.description == "connect to \(directory.socket): No such file or directory")
    let long = "/tmp/" + String(repeating: "x", count: 120)
    #expect(throws: SystemError.self) { _ = try Listener(on: loop, path: long, mode: 0o600) { _ in } }

    let listener = try Listener(on: loop, address: SocketAddress(.loopbackV4, port: 0)) { _ in }
    let address = listener.localAddress!
    listener.close()
    loop.runOnce()
    var ends: [SystemError?] = []
    let connection = try Connection(on: loop, address: address)
    connection.onEnd = { ends.append($0) }
    try connection.write([1, 2, 3])  // queued until connected; must not leak or be told twice
    try run(loop, until: { !ends.isEmpty })
    for _ in 0..<3 { loop.runOnce() }
    #expect(ends.count == 1 && ends[0]?.errno == .connectionRefused)
    connection.close()
    expectAllClosed(loop, made: loop.handleCounts.made)
  }

  @Test func manyPeersAtOnce() throws {
    let loop = try EventLoop()
    let directory = TemporaryDirectory()
    var servers: [Connection] = []
    var heard = 0
    let listener = try Listener(on: loop, path: directory.socket, mode: 0o600) { connection in
      connection.onRead = { heard += $0.count }
      try? connection.startReading()
      servers.append(connection)
    }
    var clients: [Connection] = []
    for _ in 0..<100 {
      clients.append(try Connection(on: loop, path: directory.socket))
      try clients.last!.write([1, 2, 3])
      loop.runOnce()
    }
    try run(loop, until: { heard == 300 })
    #expect(servers.count == 100)
    clients = []
    servers = []
    listener.close()
    expectAllClosed(loop, made: loop.handleCounts.made)
  }

  @Test func connectsFromTheAddressThatItIsTold() throws {
    let loop = try EventLoop()
    let source = IPAddress.v4(0x7F00_0109)  // 127.0.1.9
    var seen: SocketAddress?
    let listener = try Listener(on: loop, address: SocketAddress(.loopbackV4, port: 0)) { seen = $0.peerAddress }
    let client = try Connection(on: loop, address: #require(listener.localAddress), from: source)
    try run(loop, until: { seen != nil })
    #expect(seen?.address == source)
    let error = #expect(throws: SystemError.self) {
      _ = try Connection(on: loop, address: #require(listener.localAddress), from: .v4(0xC633_6401))
    }
    #expect(error?.description == "connect from 198.51.100.1: Cannot assign requested address")
    client.close()
    listener.close()
  }
}
