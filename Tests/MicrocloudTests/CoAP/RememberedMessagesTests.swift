import Basics
import TestSupport
import Testing

@testable import Microcloud

/// The ring of remembered messages beside a plain list.
struct RememberedMessagesTests {
  private static func message(_ id: UInt16, isUnsafe: Bool) -> CoAPPeer.Remembered {
    CoAPPeer.Remembered(
      messageID: id, forgetAt: Instant(nanoseconds: UInt64(id)), reply: [UInt8](repeating: 1, count: Int(id % 7)),
      isOpen: id % 3 == 0, isUnsafe: isUnsafe)
  }

  /// Messages come and go in any order; the most there are grows with the seed.
  @Test(arguments: [1, 2, 3, 5, 8, 32])
  func ringIsAList(_ most: Int) {
    var random = SeededGenerator(seed: UInt64(most))
    var ring = CoAPRememberedMessages()
    var list: [CoAPPeer.Remembered] = []
    for id: UInt16 in 1...2000 {
      if list.count == most || (!list.isEmpty && random.next() % 3 == 0) {
        let index = random.next() % 2 == 0 ? 0 : Int(random.next() % UInt64(list.count))
        ring.remove(at: index)
        list.remove(at: index)
      }
      let message = Self.message(id, isUnsafe: random.next() % 2 == 0)
      ring.append(message)
      list.append(message)
      #expect((0..<ring.count).map { ring[$0].messageID } == list.map { $0.messageID })
      #expect(ring.replyBytes == list.reduce(0) { $0 + $1.reply.count })
      #expect(ring.hasSafe == list.contains { !$0.isUnsafe })
      #expect(ring.firstIndex { $0.isOpen } == list.firstIndex { $0.isOpen })
      let asked = id - UInt16(random.next() % 40) % id
      #expect(ring.index(of: asked) { $0.isOpen } == list.firstIndex { $0.messageID == asked && $0.isOpen })
    }
  }
}
