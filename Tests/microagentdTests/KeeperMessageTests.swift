import Testing

@testable import microagentd

@Suite struct KeeperMessageTests {
  @Test func readsWhatItWrites() {
    let message = KeeperMessage(
      .ended, container: 0xFFFF_0000_1234_5678, process: 4711, code: -1, bySignal: true, neverRan: true)
    #expect(message.bytes.count == KeeperMessage.byteCount)
    #expect(KeeperMessage(message.bytes[...]) == message)
  }

  @Test func refusesOtherLengthsAndKinds() {
    let bytes = KeeperMessage(.complete).bytes
    #expect(KeeperMessage(bytes.dropLast()) == nil)
    #expect(KeeperMessage((bytes + [0])[...]) == nil)
    #expect(KeeperMessage([]) == nil)
    var unknown = bytes
    unknown[0] = 99
    #expect(KeeperMessage(unknown[...]) == nil)
  }
}

@Suite struct InvocationTests {
  @Test func readsTheCommandLine() {
    guard case .run(nil, isBoard: false) = Invocation([]) else { return #expect(Bool(false), "runs by default") }
    guard case .run("/a", isBoard: false) = Invocation(["--config", "/a"]) else {
      return #expect(Bool(false), "takes a file")
    }
    guard case .run("/a", isBoard: true) = Invocation(["--board", "--config", "/a"]) else {
      return #expect(Bool(false), "is a board's main program")
    }
    guard case .boardSettings("/a") = Invocation(["--board-settings", "--config", "/a"]) else {
      return #expect(Bool(false), "tells a board's settings")
    }
    guard case .wrong = Invocation(["--config"]) else { return #expect(Bool(false), "needs a file") }
    guard case .wrong = Invocation(["--verbose"]) else { return #expect(Bool(false), "refuses what it does not know") }
    guard case .help = Invocation(["--help"]) else { return #expect(Bool(false), "helps") }
  }
}
