import Basics
import Microcloud
import Testing

@testable import MicroAgent

/// Programs that somebody attends: who is there, what is on its way to them and from them.
@Suite struct ExecAttendanceTests {
  private let start = Instant(nanoseconds: 5_000_000_000)
  private let name = ExecName(container: 1, number: 7)

  private func after(_ milliseconds: UInt64) -> Instant { start.advanced(milliseconds: milliseconds) }

  private func wish(_ change: (inout ExecRequest) -> Void = { $0.hasInput = true }) -> ExecRequest {
    var request = ExecRequest()
    request.command = ["sh"]
    change(&request)
    return request
  }

  private func kind(_ body: () throws -> Void) -> RequestError.Kind? {
    do { try body() } catch { return (error as? RequestError)?.kind }
    return nil
  }

  private func content(_ value: CBORValue) throws -> APIMapReader { try APIMapReader(value) }

  // MARK: Presence

  @Test func itHasNoLimitOfTimeWhileSomebodyIsThere() throws {
    var execs = Execs()
    _ = try execs.begin(name, wish { $0.terminal = TerminalSize(rows: 24, columns: 80) }, now: start)
    var now = start
    for _ in 0..<1000 {
      now = now.advanced(milliseconds: Execs.absenceMilliseconds - 1)
      #expect(execs.tick(now: now).isEmpty)
      try execs.heard(name, now: now)
    }
    #expect(execs.nextDeadline == now.advanced(milliseconds: Execs.absenceMilliseconds))
  }

  @Test func whoIsGoneIsHungUpOnAndThenTheProgramIsKilled() throws {
    var execs = Execs()
    _ = try execs.begin(name, wish(), now: start)
    try execs.heard(name, now: after(1000))
    #expect(execs.tick(now: after(Execs.absenceMilliseconds + 999)).isEmpty)
    let gone = after(Execs.absenceMilliseconds + 1000)
    #expect(execs.tick(now: gone) == [.hangUp(name)])
    #expect(kind { try execs.heard(name, now: gone) } == .conflict, "whoever comes back comes too late")
    #expect(execs.tick(now: gone.advanced(milliseconds: Execs.hangUpMilliseconds - 1)).isEmpty)
    let last = gone.advanced(milliseconds: Execs.hangUpMilliseconds)
    #expect(execs.tick(now: last) == [.kill(name)])
    #expect(execs.tick(now: last).isEmpty && execs.nextDeadline == nil)
    execs.end(name, ExecResult(exitCode: 137, reason: "killed by signal 9"), now: last)
    #expect(
      execs.value(of: name)?[.end]?[.reason]?.textValue == "hung up, as nobody attended it for 30 s")
  }

  @Test func itIsHungUpOnceAtARequest() throws {
    var execs = Execs()
    _ = try execs.begin(name, wish(), now: start)
    #expect(try execs.hangUp(name, now: start))
    #expect(try !execs.hangUp(name, now: start))
    #expect(execs.nextDeadline == after(Execs.hangUpMilliseconds))
    #expect(execs.tick(now: after(Execs.hangUpMilliseconds)) == [.kill(name)])
    execs.end(name, ExecResult(exitCode: 129, reason: "killed by signal 1"), now: start)
    #expect(execs.value(of: name)?[.end]?[.reason]?.textValue == "killed by signal 1")
    #expect(try !execs.hangUp(name, now: start), "what has ended needs none")
    try execs.heard(name, now: start)
  }

  @Test func onlyWhatIsAttendedCanBe() throws {
    var execs = Execs()
    #expect(kind { try execs.heard(name, now: start) } == .notFound)
    _ = try execs.begin(name, wish { _ in }, now: start)
    #expect(kind { try execs.heard(name, now: start) } == .conflict)
    #expect(kind { _ = try execs.hangUp(name, now: start) } == .conflict)
  }

  @Test func soManyAreAttendedAtOnce() throws {
    var execs = Execs()
    for container in 0..<UInt64(Execs.mostAttended) {
      _ = try execs.begin(ExecName(container: container, number: 1), wish(), now: start)
    }
    #expect(kind { _ = try execs.begin(ExecName(container: 99, number: 1), wish(), now: start) } == .noRoom)
    _ = try execs.begin(ExecName(container: 99, number: 2), wish { _ in }, now: start)
    execs.end(ExecName(container: 0, number: 1), ExecResult(exitCode: 0, reason: ""), now: start)
    _ = try execs.begin(ExecName(container: 99, number: 1), wish(), now: start)
  }

  // MARK: Input

  @Test func eachByteOfInputIsTakenOnce() throws {
    var queue = InputQueue()
    try queue.accept(InputPiece(offset: 0, bytes: [1, 2, 3], isEnd: false))
    try queue.accept(InputPiece(offset: 0, bytes: [1, 2, 3], isEnd: false))
    #expect(Array(queue.waiting) == [1, 2, 3] && queue.endOffset == 3)
    #expect(kind { try queue.accept(InputPiece(offset: 3, bytes: [4], isEnd: false)) } == .noRoom)
    queue.wrote(2)
    #expect(kind { try queue.accept(InputPiece(offset: 3, bytes: [4], isEnd: false)) } == .noRoom)
    queue.wrote(1)
    #expect(kind { try queue.accept(InputPiece(offset: 4, bytes: [5], isEnd: false)) } == .conflict, "4 is missing")
    try queue.accept(InputPiece(offset: 2, bytes: [3, 4, 5], isEnd: true))
    #expect(Array(queue.waiting) == [4, 5] && queue.endOffset == 5 && queue.hasEnded)
    queue.discard()
    try queue.accept(InputPiece(offset: 5, bytes: [], isEnd: true))
    #expect(kind { try queue.accept(InputPiece(offset: 5, bytes: [6], isEnd: false)) } == .conflict, "it has ended")
    #expect(queue.waiting.isEmpty && queue.endOffset == 5)
  }

  @Test func anOldPieceDoesNotEndTheInput() throws {
    var queue = InputQueue()
    try queue.accept(InputPiece(offset: 0, bytes: [1, 2], isEnd: false))
    queue.wrote(2)
    try queue.accept(InputPiece(offset: 0, bytes: [1], isEnd: true))
    #expect(!queue.hasEnded)
  }

  @Test func piecesTravelAsCBOR() throws {
    for piece in [InputPiece(offset: 0, bytes: [], isEnd: true), InputPiece(offset: 5, bytes: [0, 255], isEnd: false)] {
      #expect(try InputPiece(content(piece.value)) == piece)
    }
    let most = [UInt8](repeating: 7, count: InputQueue.mostBytes)
    #expect(try InputPiece(content(InputPiece(offset: 1, bytes: most, isEnd: false).value)).bytes == most)
    for piece in [
      InputPiece(offset: 0, bytes: most + [7], isEnd: false), InputPiece(offset: .max, bytes: [1], isEnd: false),
    ] {
      #expect(kind { _ = try InputPiece(content(piece.value)) } == .invalid)
    }
    #expect(kind { _ = try InputPiece(content(.map(CBORMap()))) } == .invalid)
  }

  // MARK: Output

  @Test func whatHasNotArrivedIsKeptAndNeverMoreThanThat() throws {
    var window = OutputWindow()
    window.append(Array(0..<100)[...])
    #expect(window.read(from: 0, limitBytes: 10) == (0, Array(0..<10)))
    #expect(window.read(from: 95, limitBytes: 10) == (95, Array(95..<100)))
    try window.take(to: 40)
    try window.take(to: 30)
    #expect(window.read(from: 0, limitBytes: 2) == (40, [40, 41]), "what was taken is gone")
    #expect(window.read(from: .max, limitBytes: 2) == (100, []))
    #expect(kind { try window.take(to: 101) } == .conflict)
    window.append([UInt8](repeating: 1, count: 2 * OutputWindow.capacityBytes)[...])
    #expect(window.room == 0 && window.endOffset == 40 + UInt64(OutputWindow.capacityBytes))
    try window.take(to: window.endOffset)
    #expect(window.isEmpty && window.room == OutputWindow.capacityBytes)
    window.append([1, 2])
    let end = window.endOffset
    window.discard()
    #expect(window.isEmpty && window.endOffset == end)
  }

  @Test func requestsOfWhoAttendsAreRead() throws {
    func request(_ resource: String, _ value: CBORValue) throws -> Attendance? {
      var message = CoAPMessage(code: .put, token: [1], cbor: value)
      message.path = ["containers", "dns", "exec", "7", resource]
      guard case .attend("dns", 7, let attendance) = try APIRequest(message) else { return nil }
      return attendance
    }
    #expect(try request("taken", Attendance.takenValue(output: 3, errors: 4)) == .taken(output: 3, errors: 4))
    #expect(try request("taken", .map(CBORMap())) == .taken(output: 0, errors: 0))
    let size = TerminalSize(rows: 24, columns: 80)
    #expect(try request("size", size.value) == .size(size))
    let piece = InputPiece(offset: 1, bytes: [2], isEnd: true)
    #expect(try request("input", piece.value) == .input(piece))
    #expect(kind { _ = try request("size", piece.value) } == .invalid, "another's keys")
    #expect(kind { _ = try request("input", .unsigned(1)) } == .invalid)
  }
}
