import Basics

/// What an endpoint knows of one address.
struct CoAPPeer {
  /// A message that came, so that its copies do nothing.
  struct Remembered {
    let messageID: UInt16
    let forgetAt: Instant
    /// What its copies are answered with; empty: nothing.
    var reply: [UInt8] = []
    /// It is a request that is not answered yet.
    var isOpen: Bool
    /// Its sender was told that it came: the response goes in a message of its own.
    var isAcknowledged = false
    /// Doing it twice would harm.
    let isUnsafe: Bool
  }

  /// Whether it reads what is sent to its address.
  var isProven = false
  /// We began to talk to it: strangers do not take its place.
  var isChosen = false
  /// The bytes that came from it and went to it while it was not proven.
  var receivedBytes: UInt64 = 0
  var sentBytes: UInt64 = 0
  var nextMessageID: UInt16
  var rate = RateLimit()
  var remembered = CoAPRememberedMessages()

  init(firstMessageID: UInt16) {
    nextMessageID = firstMessageID
  }

  var isStranger: Bool { !isProven && !isChosen }

  mutating func takeMessageID() -> UInt16 {
    nextMessageID &+= 1
    return nextMessageID
  }

  /// The message of that id that came before, if any.
  func remembers(_ messageID: UInt16, now: Instant) -> Int? {
    remembered.index(of: messageID) { $0.isOpen || $0.forgetAt > now }
  }

  /// The request of that id that is under work; for however long that takes.
  func open(_ messageID: UInt16) -> Int? {
    remembered.index(of: messageID) { $0.isOpen }
  }

  /// Whether the time of the message that came first is over.
  func hasForgotten(now: Instant) -> Bool {
    remembered.count > 0 && remembered[0].forgetAt <= now && !remembered[0].isOpen
  }

  /// The bytes that `remembered` is charged with.
  var rememberedBytes: Int {
    remembered.count * CoAPLimits.rememberedEntryBytes + remembered.replyBytes
  }

  /// Which of the messages goes first: what only read, then what came first; never one that is under work.
  var mostForgettable: Int? {
    if remembered.hasSafe, let index = remembered.firstIndex(where: { !$0.isOpen && !$0.isUnsafe }) { return index }
    return remembered.firstIndex { !$0.isOpen }
  }
}
