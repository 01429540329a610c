import Basics
import Microcloud
import Testing

@testable import MicroAgent

@Suite struct EventRecorderTests {
  private var recorder = EventRecorder(startedSeconds: 5)
  private static let holder = [UInt8](repeating: 3, count: 32)
  private static let member = Principal(thumbprint: holder, role: .member)

  private func container(
    _ phase: Container.Phase, starts: UInt32 = 1, end: ContainerEnd? = nil, id: UInt64 = 1
  ) -> Container {
    var container = Container(id: id, name: "web\(id)", request: plainRequest(), createdSeconds: 0)
    container.phase = phase
    container.starts = starts
    container.end = end
    return container
  }

  private func lease(_ phase: Lease.Phase, end: Lease.End? = nil) -> Lease {
    var lease = Lease(
      id: 7, holder: Self.holder, request: LeaseRequest(), generation: 1, deadline: Instant(nanoseconds: 0), boot: "",
      createdSeconds: 0)
    lease.phase = phase
    lease.end = end
    return lease
  }

  /// What somebody is told, as kind and name.
  private func told(_ principal: Principal = .owner, from number: UInt64 = 0) -> [String] {
    recorder.ring.read(from: number, for: principal, limitBytes: 10_000).events.map { event in
      let detail = event[.reason]?.textValue.map { ": \($0)" } ?? ""
      return "\(event[.event]?.textValue ?? "") \(event[.name]?.textValue ?? "")\(detail)"
    }
  }

  @Test mutating func aContainersLife() {
    let end = ContainerEnd(cause: .exited(code: 3))
    for phase in [Container.Phase.created, .starting, .running, .running, .stopping] {
      recorder.changed(container(phase), holder: nil, seconds: 1)
    }
    recorder.changed(container(.ended, end: end), holder: nil, seconds: 2)
    recorder.changed(container(.waiting, end: end), holder: nil, seconds: 2)
    recorder.changed(container(.running, starts: 2), holder: nil, seconds: 3)
    let killed = ContainerEnd(cause: .outOfMemory(limitBytes: 4096, peakBytes: 4096))
    recorder.changed(container(.ended, starts: 2, end: killed), holder: nil, seconds: 4)
    recorder.changed(container(.removing, starts: 2, end: killed), holder: nil, seconds: 5)
    recorder.removed(container: 1, seconds: 5)
    recorder.removed(container: 1, seconds: 5)
    #expect(
      told() == [
        "container start web1", "container end web1: exit code 3", "container start web1",
        "container oom web1: out of memory: budget 4 KiB, peak 4 KiB", "container remove web1",
      ])
  }

  @Test mutating func oneThatGoesWithItsEndHasEnded() {
    recorder.changed(container(.running), holder: nil, seconds: 1)
    recorder.changed(container(.removing, end: ContainerEnd(cause: .exited(code: 0))), holder: nil, seconds: 1)
    recorder.removed(container: 1, seconds: 1)
    #expect(told() == ["container start web1", "container end web1: exit code 0", "container remove web1"])
  }

  @Test mutating func oneThatCouldNotStartHasEnded() {
    recorder.changed(container(.created, starts: 0), holder: nil, seconds: 1)
    let end = ContainerEnd(cause: .failedToStart("no such program"))
    recorder.changed(container(.ended, starts: 1, end: end), holder: nil, seconds: 1)
    #expect(told() == ["container end web1: no such program"])
  }

  /// A run that was over before anybody looked.
  @Test mutating func aShortRunIsSeen() {
    for number in 1...2 {
      let end = ContainerEnd(cause: .exited(code: UInt8(number)))
      recorder.changed(container(.waiting, starts: UInt32(number), end: end), holder: nil, seconds: 1)
    }
    #expect(told() == ["container end web1: exit code 1", "container end web1: exit code 2"])
  }

  @Test mutating func whatWasThereBeforeIsNoEvent() {
    recorder.adopt(container(.running), holder: nil)
    recorder.adopt(lease(.active))
    recorder.changed(container(.running), holder: nil, seconds: 1)
    recorder.changed(lease(.active), seconds: 1)
    #expect(told() == [])
    recorder.changed(container(.ended, end: ContainerEnd(cause: .killed(signal: 9))), holder: nil, seconds: 1)
    #expect(told() == ["container end web1: killed by signal 9"])
  }

  @Test mutating func aLeasesLife() {
    recorder.changed(lease(.tentative), seconds: 1)
    recorder.changed(lease(.active), seconds: 1)
    recorder.changed(lease(.over, end: .expired), seconds: 1)
    recorder.changed(lease(.active), seconds: 1)
    recorder.removed(lease: 7, seconds: 1)
    let all = [
      "lease grant 7", "lease confirm 7", "lease over 7: its time was over", "lease confirm 7", "lease remove 7",
    ]
    #expect(told() == all)
    #expect(told(Self.member) == all)
  }

  /// What others do, and how the node is, is not for members.
  @Test mutating func aMemberHearsOfItsOwn() {
    recorder.changed(container(.running), holder: nil, seconds: 1)
    recorder.changed(container(.running, id: 2), holder: Self.holder, seconds: 1)
    recorder.add(NodeEvent(.memberJoined, name: "alix"), seconds: 1)
    #expect(told(Self.member) == ["container start web2"])
    #expect(told(.observer).count == 3)
    #expect(told(Principal(thumbprint: [UInt8](repeating: 4, count: 32), role: .member)) == [])
  }

  @Test mutating func theLastOnesAreKept() {
    for number in 0..<EventRing.capacity + 10 {
      recorder.add(NodeEvent(.memberJoined, name: "node\(number)"), seconds: UInt64(number))
    }
    let ring = recorder.ring
    #expect(told().count == EventRing.capacity && told().first == "member join node10")
    // An answer of so many bytes at a time, all are told once and in order.
    var (names, next) = ([] as [String], UInt64(0))
    while true {
      let (events, after) = ring.read(from: next, for: .owner, limitBytes: 100)
      if events.isEmpty { break }
      #expect(events.count < 5)
      names += events.compactMap { $0[.name]?.textValue }
      next = after
    }
    #expect(names == (10..<EventRing.capacity + 10).map { "node\($0)" })
    #expect(next == ring.next && ring.next == 5000 + UInt64(EventRing.capacity) + 10)
  }

  /// Of those that say a lot there are fewer, as they have so much room and no more.
  @Test mutating func theyTakeTheirRoomAndNoMore() {
    let long = String(repeating: "x", count: 1000)
    for number in 0..<100 {
      recorder.add(NodeEvent(.containerEnded, name: "\(number)", detail: long, holder: Self.holder), seconds: 7)
    }
    let events = recorder.ring.read(from: 0, for: .owner, limitBytes: 100_000).events
    #expect(events.count < 30 && events.count * (NodeEvent.maximumDetailBytes + 40) < EventRing.capacityBytes)
    #expect(events.last?[.name]?.textValue == "99" && events.last?[.atSeconds]?.unsignedValue == 7)
    #expect(recorder.ring.read(from: 0, for: Self.member, limitBytes: 100_000).events == events)
  }

  @Test func whatOthersChooseIsCut() {
    let event = NodeEvent(
      .memberJoined, name: String(repeating: "x", count: 1000), detail: String(repeating: "y", count: 1000))
    #expect(event.name.utf8.count == NodeEvent.maximumNameBytes)
    #expect(event.detail.utf8.count == NodeEvent.maximumDetailBytes)
  }
}
