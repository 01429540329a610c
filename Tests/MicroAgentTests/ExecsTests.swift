import Basics
import Microcloud
import Testing

@testable import MicroAgent

@Suite struct ExecsTests {
  private let start = Instant(nanoseconds: 5_000_000_000)

  private func name(_ container: UInt64, _ number: UInt32) -> ExecName {
    ExecName(container: container, number: number)
  }

  private func wish(_ change: (inout ExecRequest) -> Void = { _ in }) -> ExecRequest {
    var request = ExecRequest()
    request.command = ["true"]
    change(&request)
    return request
  }

  private func refusal(_ body: () throws -> Void) -> RequestError? {
    do { try body() } catch { return error as? RequestError }
    return nil
  }

  @Test func theSameAgainIsTheSameAndAnotherUnderItsNumberIsRefused() throws {
    var execs = Execs()
    #expect(try execs.begin(name(1, 7), wish(), now: start))
    #expect(try !execs.begin(name(1, 7), wish(), now: start))
    #expect(refusal { _ = try execs.begin(name(1, 7), wish { $0.command = ["false"] }, now: start) }?.kind == .conflict)
    #expect(try execs.begin(name(2, 7), wish(), now: start), "numbers are a container's own")
    execs.end(name(1, 7), ExecResult(exitCode: 0, reason: "exit code 0"), now: start)
    #expect(try !execs.begin(name(1, 7), wish(), now: start), "also when it has ended")
  }

  @Test func soManyRunAtOnceInAContainerAndOnTheNode() throws {
    var execs = Execs()
    for number in 0..<UInt32(Execs.mostInContainer) { _ = try execs.begin(name(1, number), wish(), now: start) }
    #expect(refusal { _ = try execs.begin(name(1, 99), wish(), now: start) }?.kind == .noRoom)
    for container in 2..<(2 + UInt64(Execs.mostOnNode - Execs.mostInContainer)) {
      _ = try execs.begin(name(container, 1), wish(), now: start)
    }
    #expect(refusal { _ = try execs.begin(name(50, 1), wish(), now: start) }?.kind == .noRoom)
    execs.end(name(1, 0), ExecResult(exitCode: 0, reason: ""), now: start)
    #expect(try execs.begin(name(1, 99), wish(), now: start), "one that has ended makes room")
    execs.cancel(name(1, 99))
    #expect(try execs.begin(name(50, 1), wish(), now: start), "and one that came to nothing")
  }

  @Test func whoeverTakesTooLongIsKilledOnceAndThatIsTold() throws {
    var execs = Execs()
    _ = try execs.begin(name(1, 1), wish { $0.timeLimitMilliseconds = 2000 }, now: start)
    #expect(execs.nextDeadline == start.advanced(milliseconds: 2000))
    #expect(execs.tick(now: start.advanced(milliseconds: 1999)).isEmpty)
    let over = start.advanced(milliseconds: 2000)
    #expect(execs.tick(now: over) == [.kill(name(1, 1))])
    #expect(execs.tick(now: over).isEmpty && execs.nextDeadline == nil)
    execs.end(name(1, 1), ExecResult(exitCode: 137, reason: "killed by signal 9"), now: over)
    let end = execs.value(of: name(1, 1))?[.end]
    #expect(end?[.exitCode]?.unsignedValue == 137)
    #expect(end?[.reason]?.textValue == "killed when its time was over, 2 s")
  }

  @Test func whatCameOfItIsKnownForAWhile() throws {
    var execs = Execs()
    #expect(execs.value(of: name(1, 1)) == nil)
    _ = try execs.begin(name(1, 1), wish(), now: start)
    #expect(execs.value(of: name(1, 1))?[.phase]?.textValue == "running")
    var result = ExecResult(exitCode: 3, reason: "exit code 3")
    (result.output, result.errors, result.cutBytes) = ([1], [2], 5)
    execs.end(name(1, 1), result, now: start)
    let value = execs.value(of: name(1, 1))
    #expect(value?[.output]?.bytesValue == [1] && value?[.errors]?.bytesValue == [2])
    #expect(value?[.cutBytes]?.unsignedValue == 5 && value?[.phase]?.textValue == "ended")
    #expect(execs.tick(now: start.advanced(milliseconds: Execs.keptMilliseconds - 1)).isEmpty)
    #expect(execs.value(of: name(1, 1)) != nil)
    #expect(execs.tick(now: start.advanced(milliseconds: Execs.keptMilliseconds)).isEmpty)
    #expect(execs.value(of: name(1, 1)) == nil)
  }

  @Test func whoRunsMuchForgetsItsOwnResultsFirst() throws {
    var execs = Execs()
    func run(_ name: ExecName) throws {
      _ = try execs.begin(name, wish(), now: start)
      execs.end(name, ExecResult(exitCode: 0, reason: ""), now: start)
    }
    try run(name(1, 1))
    for number in 0..<UInt32(3 * Execs.mostKept) { try run(name(2, number)) }
    #expect(execs.value(of: name(1, 1)) != nil)
    #expect(execs.value(of: name(2, 0)) == nil)
    #expect(execs.value(of: name(2, UInt32(3 * Execs.mostKept - 1))) != nil)
    execs.forget(container: 1)
    #expect(execs.value(of: name(1, 1)) == nil)
  }

  @Test func itIsLikeItsContainerButForWhatItSays() {
    let container = plainRequest {
      $0.environment = ["A=1", "AB=2", "PATH=/bin"]
      $0.workingDirectory = "/srv"
      ($0.user, $0.group) = (5, 6)
    }
    let plain = wish().applied(to: container)
    #expect(plain.command == ["true"] && plain.environment == container.environment)
    #expect(plain.workingDirectory == "/srv" && plain.user == 5 && plain.group == 6)
    let other = wish {
      $0.environment = ["A=9", "C="]
      $0.workingDirectory = "/"
      $0.user = 7
    }.applied(to: container)
    #expect(other.environment == ["AB=2", "PATH=/bin", "A=9", "C="])
    #expect(other.workingDirectory == "/" && other.user == 7 && other.group == 0)
  }

  @Test func itTravelsAsCBOR() throws {
    let wishes = [
      wish(),
      wish {
        $0.environment = ["A=1"]
        $0.workingDirectory = "/tmp"
        ($0.user, $0.group) = (1, 2)
        $0.timeLimitMilliseconds = ExecRequest.mostTimeMilliseconds
      },
      wish { $0.hasInput = true },
      wish { $0.terminal = TerminalSize(rows: 0, columns: .max) },
    ]
    for wish in wishes { #expect(try ExecRequest(wish.value) == wish) }
    func told(_ change: (inout CBORMap) -> Void) -> String {
      var map = CBORMap()
      map[.command] = .array([.text("true")])
      change(&map)
      return refusal { _ = try ExecRequest(.map(map)) }?.description ?? "taken"
    }
    #expect(
      told { $0[.timeLimitMilliseconds] = .unsigned(ExecRequest.mostTimeMilliseconds + 1) }.hasPrefix("time limit: "))
    #expect(told { $0[.timeLimitMilliseconds] = .unsigned(0) }.hasPrefix("time limit: "))
    #expect(told { $0[.group] = .unsigned(1) } == "group: give the user as well")
    #expect(told { $0[.rows] = .unsigned(24) } == "columns: give a number of at most 16 bits")
    #expect(told { ($0[.rows], $0[.columns]) = (.unsigned(65_536), .unsigned(1)) }.hasPrefix("rows: "))
    #expect(
      told { ($0[.input], $0[.timeLimitMilliseconds]) = (.bool(true), .unsigned(60_000)) }.hasPrefix("time limit: "))
    #expect(told { $0[.memoryBytes] = .unsigned(1) }.contains("a key that this agent does not know"))
  }
}
