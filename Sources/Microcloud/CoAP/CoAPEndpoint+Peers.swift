import Basics

// Whom an endpoint listens to, and what it remembers of them.
extension CoAPEndpoint {
  /// How many entries are looked at to find one that may go.
  private static let evictionTries = 8

  /// Notes that a datagram came; nil: it is not to be read.
  mutating func admit(_ source: SocketAddress, bytes: Int, now: Instant) -> Int? {
    let known = peers.place(of: source)
    if let known, peers[known].isProven {
      peers.touch(known)
      return known
    }
    let isChosen = known.map { peers[$0].isChosen } ?? false
    let burst = limits.strangersPerSecond
    if !isChosen, !strangerRate.take(perSecond: limits.strangersPerSecond, burst: burst, now: now) { return nil }
    guard let place = known ?? insert(source, isChosen: false, now: now) else { return nil }
    peers.touch(place)
    peers[place].receivedBytes += UInt64(bytes)
    return place
  }

  /// The entry of a peer that we talk to on our own account.
  mutating func choose(_ address: SocketAddress, now: Instant) -> Int? {
    guard let place = peers.place(of: address) else { return insert(address, isChosen: true, now: now) }
    if peers[place].isStranger { strangerCount -= 1 }
    peers[place].isChosen = true
    peers.touch(place)
    return place
  }

  mutating func prove(_ place: Int) {
    if peers[place].isStranger { strangerCount -= 1 }
    peers[place].isProven = true
  }

  /// Makes an entry; nil: there is no room for one.
  mutating func insert(_ address: SocketAddress, isChosen: Bool, now: Instant) -> Int? {
    if !isChosen, strangerCount >= limits.strangers {
      guard evict(strangersOnly: true) else { return nil }
    } else if peers.isFull {
      guard evict(strangersOnly: true) || evict(strangersOnly: false) else { return nil }
    }
    var peer = CoAPPeer(firstMessageID: UInt16(truncatingIfNeeded: random.next()))
    peer.isChosen = isChosen
    if !isChosen { strangerCount += 1 }
    return peers.insert(peer, for: address)
  }

  private mutating func evict(strangersOnly: Bool) -> Bool {
    if strangersOnly, strangerCount == 0 { return false }
    var tries = Self.evictionTries
    var candidate = peers.oldest
    while let place = candidate, tries > 0 {
      candidate = peers.next(after: place)
      if strangersOnly, !peers[place].isStranger { continue }
      tries -= 1
      if isBusy(place) { continue }
      rememberedBytes -= peers[place].rememberedBytes
      if peers[place].isStranger { strangerCount -= 1 }
      peers.remove(place)
      return true
    }
    return false
  }

  /// Whether something is under way with a peer.
  private func isBusy(_ place: Int) -> Bool {
    let address = peers.key(at: place)
    return peers[place].remembered.firstIndex { $0.isOpen } != nil || deliveries.contains { $0.peer == address }
      || exchanges.contains { $0.peer == address } || delayedAnswers.contains { $0.peer == address }
  }

  // MARK: Messages that came

  /// Remembers a message, so that its copies do nothing; false: there is no room, and it must not be acted upon.
  mutating func remember(
    _ messageID: UInt16, at place: Int, isConfirmable: Bool, isOpen: Bool, isUnsafe: Bool, reply: [UInt8] = [],
    now: Instant
  ) -> Bool {
    let lifetime = isConfirmable ? limits.exchangeLifetimeMilliseconds : limits.nonLifetimeMilliseconds
    while peers[place].hasForgotten(now: now) { forget(0, at: place) }
    if peers[place].remembered.count >= limits.rememberedPerPeer {
      guard let index = peers[place].mostForgettable else { return false }
      forget(index, at: place)
    }
    guard makeRoom(CoAPLimits.rememberedEntryBytes + reply.count, sparing: place) else { return false }
    peers[place].remembered.append(
      CoAPPeer.Remembered(
        messageID: messageID, forgetAt: now.advanced(milliseconds: lifetime), reply: reply, isOpen: isOpen,
        isUnsafe: isUnsafe))
    rememberedBytes += CoAPLimits.rememberedEntryBytes + reply.count
    return true
  }

  /// Remembers what the copies of a message are answered with.
  mutating func remember(reply: [UInt8], _ index: Int, at place: Int) {
    peers[place].remembered[index].isOpen = false
    rememberedBytes += reply.count - peers[place].remembered[index].reply.count
    peers[place].remembered[index].reply = reply
    // Not to be able to answer a copy is better than to do something twice: the entry stays, without the answer.
    if !makeRoom(0, sparing: place) {
      rememberedBytes -= reply.count
      peers[place].remembered[index].reply = []
    }
  }

  mutating func forget(_ index: Int, at place: Int) {
    rememberedBytes -= CoAPLimits.rememberedEntryBytes + peers[place].remembered[index].reply.count
    peers[place].remembered.remove(at: index)
  }

  /// Lets those forget that were not heard for the longest time, until there is room for so many bytes.
  private mutating func makeRoom(_ bytes: Int, sparing spared: Int) -> Bool {
    var candidate = peers.oldest
    while rememberedBytes + bytes > limits.rememberedBytes {
      guard let place = candidate else { return false }
      candidate = peers.next(after: place)
      if place == spared { continue }
      while rememberedBytes + bytes > limits.rememberedBytes, let index = peers[place].mostForgettable {
        forget(index, at: place)
      }
    }
    return true
  }
}
