import Basics
import Testing

@testable import Microcloud

/// A node and a resource directory, in virtual time.
struct DirectoryRegistrationTests {
  private static let directory = SocketAddress("10.77.0.9:5683")!
  private static let other = SocketAddress("10.77.0.10:5683")!
  private static let links = Array(
    "</sensors>;rt=light,</resourcedirectory/>;ct=40;rt=\"core.rd\",</x>;rt=core.rd".utf8)
  private static let path = ["resourcedirectory", ""]
  private static let entry = ["reg", "7", ""]

  private var now = Instant(nanoseconds: 0)
  private var machine: DirectoryRegistration

  init() {
    machine = DirectoryRegistration(.anywhere, seed: 1, now: now)
  }

  /// Goes to where something is due; what that brings.
  private mutating func wait() throws -> [DirectoryRegistration.Effect] {
    let due = try #require(machine.nextDeadline)
    #expect(due >= now)
    now = due
    return machine.tick(now: now)
  }

  private mutating func register() throws {
    #expect(try wait() == [.find(.anywhere)])
    #expect(machine.found(Self.links, from: Self.directory) == [.register(Self.path, at: Self.directory)])
    #expect(machine.answered(.created(Self.entry), now: now) == [])
  }

  @Test mutating func anEntryIsMadeKeptAndTakenBack() throws {
    try register()
    for _ in 0..<5 {
      let before = now
      #expect(try wait() == [.refresh(Self.entry, at: Self.directory)])
      #expect(now.milliseconds(since: before) < DirectoryRegistration.lifetimeSeconds * 1000)
      #expect(machine.answered(.done, now: now) == [])
    }
    #expect(machine.leave() == [.remove(Self.entry, at: Self.directory)])
    #expect(machine.nextDeadline == nil && machine.leave() == [])
  }

  /// Whoever answers first is taken, and nothing that comes later.
  @Test mutating func oneDirectoryIsEnough() throws {
    #expect(try wait() == [.find(.anywhere)])
    #expect(machine.found(Array("</a>;rt=core.rd-lookup-res".utf8), from: Self.other) == [])
    #expect(machine.found(Array("<coap://[2001:db8::1]/rd>;rt=core.rd".utf8), from: Self.other) == [])
    #expect(machine.found(Array("no links".utf8), from: Self.other) == [])
    #expect(machine.found(Self.links, from: Self.directory) != [])
    #expect(machine.found(Self.links, from: Self.other) == [])
    #expect(machine.answered(.created(Self.entry), now: now) == [])
    #expect(machine.found(Self.links, from: Self.other) == [])
  }

  /// Where there is none, it is looked for ever more rarely.
  @Test mutating func whereThereIsNoneLittleIsSaid() throws {
    var questions = 0
    while now < Instant(nanoseconds: 0).advanced(milliseconds: 24 * 3_600_000) { questions += try wait().count }
    #expect((20...45).contains(questions))
    #expect(machine.leave() == [])
  }

  @Test mutating func oneThatForgotIsAskedAnew() throws {
    try register()
    #expect(try wait() == [.refresh(Self.entry, at: Self.directory)])
    #expect(machine.answered(.notFound, now: now) == [.find(.anywhere)])
    #expect(machine.found(Self.links, from: Self.other) == [.register(Self.path, at: Self.other)])
  }

  @Test mutating func oneThatDoesNotAnswerIsTriedAgain() throws {
    #expect(try wait() == [.find(.anywhere)])
    _ = machine.found(Self.links, from: Self.directory)
    #expect(machine.answered(.failed, now: now) == [])
    var waits: [UInt64] = []
    for _ in 0..<4 {
      let before = now
      #expect(try wait() == [.find(.anywhere)])
      waits.append(now.milliseconds(since: before))
      _ = machine.found(Self.links, from: Self.directory)
      _ = machine.answered(.failed, now: now)
    }
    #expect(waits[0] <= 90_000 && waits[3] > 200_000)
    try register()
  }

  @Test mutating func whatHasChangedIsSaidAnew() throws {
    #expect(machine.changed(now: now) == [])
    try register()
    #expect(machine.changed(now: now) == [.remove(Self.entry, at: Self.directory), .find(.anywhere)])
  }

  @Test mutating func onlyWhoWasConfiguredCounts() throws {
    machine = DirectoryRegistration(.at(Self.directory), seed: 1, now: now)
    #expect(try wait() == [.find(.at(Self.directory))])
    #expect(machine.found(Self.links, from: Self.other) == [])
    #expect(machine.answered(.failed, now: now) == [])
    #expect(try wait() == [.find(.at(Self.directory))])
    #expect(machine.found(Self.links, from: Self.directory) == [.register(Self.path, at: Self.directory)])
  }
}
