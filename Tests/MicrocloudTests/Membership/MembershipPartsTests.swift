import Basics
import Foundation
import Testing

@testable import Microcloud

struct LogarithmTests {
  @Test func isWhatTheLibrarySays() {
    for number in [1, 2, 3, 4, 5, 7, 10, 99, 100, 101, 1000, 2000, 65_535, 1 << 31, UInt32.max] {
      #expect(abs(Double(Logarithm.base2(number)) / 16_777_216 - log2(Double(number))) < 1e-6)
      let thousandths = Double(Logarithm.base10Thousandths(number))
      #expect(thousandths <= 1000 * log10(Double(number)) + 1e-3)
      #expect(thousandths > 1000 * log10(Double(number)) - 1)
    }
    for count in 0...2000 { #expect(Logarithm.decimalDigits(count) == Int(log10(Double(count + 1)).rounded(.up))) }
  }
}

struct MembershipProfileTests {
  @Test func growsWithTheCluster() {
    let lan = MembershipProfile.lan
    #expect([1, 9, 10, 99, 100, 999, 1000].map { lan.retransmitLimit(members: $0) } == [4, 4, 8, 8, 12, 12, 16])
    #expect(
      [1, 2, 32, 33, 64, 65, 128, 129].map { lan.pushPullMilliseconds(members: $0) / 30_000 }
        == [1, 1, 1, 2, 2, 3, 3, 4])
    #expect(
      [3, 10, 20, 100, 1000].map { lan.suspicionMilliseconds(members: $0).minimum }
        == [4000, 4000, 5204, 8000, 12_000])
    #expect(MembershipProfile.wan.suspicionMilliseconds(members: 3) == (30_000, 180_000))
    #expect([1, 3, 4, 100].map { lan.suspicionConfirmations(members: $0) } == [0, 0, 2, 2])
    #expect([5, 6].map { MembershipProfile.wan.suspicionConfirmations(members: $0) } == [0, 4])
  }
}

struct SuspicionTests {
  private func seconds(_ profile: MembershipProfile, members: Int, accusers: [NodeName]) -> Double {
    var suspicion = Suspicion(by: "a", profile: profile, members: members, now: Instant(nanoseconds: 0))
    for accuser in accusers { _ = suspicion.confirm(by: accuser) }
    return Double(suspicion.deadline.nanoseconds) / 1e9
  }

  @Test func confirmationsShortenIt() {
    // max - (max - min) ln(c + 1) / ln(k + 1)
    for (profile, members, others) in [(MembershipProfile.lan, 10, 2), (.wan, 10, 4), (.wan, 500, 4)] {
      let (minimum, maximum) = profile.suspicionMilliseconds(members: members)
      for count in 0...others {
        let names = (0..<count).map { NodeName("b\($0)".utf8) }
        let share = log(Double(count + 1)) / log(Double(others + 1))
        let expected = (Double(maximum) - Double(maximum - minimum) * share) / 1000
        #expect(abs(seconds(profile, members: members, accusers: names) - expected) < 0.0011)
      }
    }
    #expect(seconds(.lan, members: 10, accusers: []) == 24)
    #expect(seconds(.lan, members: 10, accusers: ["b", "c"]) == 4)
  }

  @Test func anAccuserCountsOnce() {
    #expect(seconds(.lan, members: 10, accusers: ["a", "a"]) == 24)
    #expect(seconds(.lan, members: 10, accusers: ["b", "b"]) == seconds(.lan, members: 10, accusers: ["b"]))
    #expect(seconds(.lan, members: 10, accusers: ["b", "c", "d", "e"]) == 4)
    #expect(seconds(.lan, members: 3, accusers: ["b", "c"]) == 4)
  }
}

struct BroadcastQueueTests {
  private func messages(_ queue: inout BroadcastQueue, budget: Int, limit: Int = 2) -> [[UInt8]] {
    var packet = PacketBuilder(budgetBytes: budget)
    queue.fill(&packet, limit: limit)
    guard let bytes = packet.finish() else { return [] }
    guard bytes[0] == 7 else { return [bytes] }
    var rest = bytes.dropFirst(2 + 2 * Int(bytes[1]))
    return (0..<Int(bytes[1])).map { index in
      let length = Int(bytes[2 + 2 * index]) << 8 | Int(bytes[3 + 2 * index])
      defer { rest = rest.dropFirst(length) }
      return Array(rest.prefix(length))
    }
  }

  @Test func hasAnOrder() {
    var queue = BroadcastQueue(maximumCount: 100, maximumBytes: 10_000)
    queue.add([8, 5, 5, 5], kind: .event, key: [])
    queue.add([8, 4], kind: .query, key: [])
    queue.add([8, 1], kind: .intent, key: [1])
    queue.add([4, 0, 0], kind: .member, key: [1])
    queue.add([4, 0, 1], kind: .member, key: [2])
    queue.add([4, 0, 2, 0], kind: .member, key: [3])
    let all = messages(&queue, budget: 1000)
    #expect(all == [[4, 0, 2, 0], [4, 0, 1], [4, 0, 0], [8, 1], [8, 4], [8, 5, 5, 5]])
    queue.add([4, 9], kind: .member, key: [9])
    // Less often sent comes before longer; the other ones do not fit, until something short enough comes.
    #expect(messages(&queue, budget: 2 + 2 + 2 + 2 + 4) == [[4, 9], [4, 0, 2, 0]])
    #expect(messages(&queue, budget: 2 + 2 + 3 + 2 + 2) == [[4, 0, 1], [4, 9]])
    #expect(messages(&queue, budget: 1000) == [[4, 0, 0], [8, 1], [8, 4], [8, 5, 5, 5]])
    #expect(queue.isEmpty)
  }

  @Test func aNewerOneReplacesAnOlderOneOfItsKey() {
    var queue = BroadcastQueue(maximumCount: 100, maximumBytes: 10_000)
    queue.add([4, 1], kind: .member, key: [1])
    queue.add([8, 1], kind: .intent, key: [1])
    _ = messages(&queue, budget: 100)
    queue.add([4, 2], kind: .member, key: [1])
    queue.add([8, 7], kind: .event, key: [])
    queue.add([8, 8], kind: .event, key: [])
    #expect(messages(&queue, budget: 100) == [[4, 2], [8, 1], [8, 8], [8, 7]])
    #expect(messages(&queue, budget: 100) == [[4, 2], [8, 8], [8, 7]])
    #expect(queue.isEmpty)
  }

  @Test func whatWouldBeSentLastGoesFirst() {
    var queue = BroadcastQueue(maximumCount: 3, maximumBytes: 10)
    queue.add([8, 1], kind: .event, key: [])
    queue.add([4, 1], kind: .member, key: [1])
    queue.add([8, 2], kind: .intent, key: [2])
    queue.add([4, 2], kind: .member, key: [2])
    #expect(queue.count == 3)
    queue.add([8, 3], kind: .event, key: [])
    #expect(messages(&queue, budget: 100, limit: 3) == [[4, 2], [4, 1], [8, 2]])
    queue.add([4, 0, 0, 0, 0, 0, 0], kind: .member, key: [3])
    #expect(messages(&queue, budget: 100, limit: 3) == [[4, 0, 0, 0, 0, 0, 0], [4, 2]])
    queue.add([UInt8](repeating: 4, count: 11), kind: .member, key: [4])
    #expect(queue.count <= 2)
  }
}
