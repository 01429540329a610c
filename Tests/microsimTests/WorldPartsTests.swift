import Basics
import Testing

@testable import microsim

/// What a simulated world is made of.
struct WorldPartsTests {
  @Test func eventsComeInTheOrderOfTimeThenOfAdding() {
    var queue = EventQueue<Int>()
    var random = SeededRandom(seed: 1)
    let times = (0..<500).map { _ in random.below(50) }
    for (number, time) in times.enumerated() { queue.add(number, at: Instant(nanoseconds: time)) }
    var popped: [Int] = []
    while let (_, number) = queue.popFirst(until: Instant(nanoseconds: 30)) { popped.append(number) }
    let expected = times.indices.filter { times[$0] <= 30 }.sorted { (times[$0], $0) < (times[$1], $1) }
    #expect(popped == expected)
    #expect(queue.count == 500 - popped.count)
  }

  @Test(arguments: [0, 100, -100, 20_000, -20_000] as [Int64])
  func aClockIsWokenWhenItSaysSo(partsPerMillion: Int64) {
    let start = Instant(nanoseconds: 7_000_000)
    var clock = NodeClock(startingAt: start, saying: Instant(nanoseconds: 99))
    clock.drift(partsPerMillion: partsPerMillion, at: start)
    clock.jump(milliseconds: 5000, at: start.advanced(milliseconds: 10))
    for milliseconds in [0, 1, 999, 60_000, 36_000_000] as [UInt64] {
      let deadline = clock.local(start.advanced(milliseconds: 10)).advanced(milliseconds: milliseconds)
      let woken = clock.world(deadline)
      #expect(clock.local(woken) >= deadline)
      #expect(clock.local(woken).nanoseconds - deadline.nanoseconds < 2000)
    }
  }

  @Test func aCutBlocksWhatItSays() {
    let chain = Topology(.chain, places: 4)
    let outward = Cut(side: .place(2), direction: .outward)
    #expect(outward.blocks(from: 3, to: 0, in: chain) && !outward.blocks(from: 0, to: 3, in: chain))
    #expect(!outward.blocks(from: 2, to: 3, in: chain) && !outward.blocks(from: 0, to: 1, in: chain))
    let stars = Topology(.stars, places: 4)
    let both = Cut(side: .place(2), direction: .both)
    #expect(both.blocks(from: 2, to: 3, in: stars) && both.blocks(from: 1, to: 6, in: stars))
    let pair = Cut(side: .pair(1, 2), direction: .inward)
    #expect(pair.blocks(from: 2, to: 1, in: stars) && !pair.blocks(from: 1, to: 2, in: stars))
    #expect(!pair.blocks(from: 3, to: 1, in: stars))
  }

  @Test func whatIsLostDoesNotArrive() {
    var network = Network(Topology(.flat, places: 1), seed: 1)
    network.weather.lostPerMillion = 500_000
    let lost = (0..<1000).count { _ in network.arrivals(from: 0, to: 1).first == nil }
    #expect((400...600).contains(lost))
    let cut = Cut(side: .node(1), direction: .both)
    network.add(cut)
    #expect((0..<100).allSatisfy { _ in network.arrivals(from: 0, to: 1).first == nil })
    network.remove(cut)
    #expect(network.isOpen(from: 0, to: 1))
  }
}
