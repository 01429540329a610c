import Basics
import CSystem
import LinuxSystem
import MicroAgent
import Microcloud

/// Brings blobs to a node, one after the other: over several streams at once where it is far away, going on where an earlier
/// attempt ended.
final class BlobPush {
  /// What was done, for whoever wants to know.
  struct Account {
    /// What the node had already.
    var foundBytes: UInt64 = 0
    var sentBytes: UInt64 = 0
    /// What was sent more than once.
    var repeatedBytes: UInt64 = 0
  }

  private let client: Client
  private let progress: PushProgress
  private var streams: [PushStream] = []
  private var blob = BlobSource(digest: [], sizeBytes: 0, place: .memory([]))
  private var schedule = PushSchedule(sizeBytes: 0, have: ByteRuns())
  private var isDone = false
  private(set) var account = Account()
  private var nextNumber = 0
  private var nextOpening: Instant
  private var lastProgress: Instant

  /// A stream that goes by losses carries 1 Mbit/s where 2 % of the packets are lost at 100 ms; with BBR a few do.
  private static let mostStreams = 12
  private static let mostRateBasedStreams = 2
  private static let firstStreams = 2
  /// Between one stream and the next: each costs the board a key exchange, and it takes two a second.
  private static let openingMilliseconds: UInt64 = 300
  /// After one that was refused or lost.
  private static let retryMilliseconds: UInt64 = 600
  private static let turnMilliseconds: CInt = 200
  /// Without any progress for so long it is given up; what is there stays.
  private static let patienceMilliseconds: UInt64 = 60_000
  /// Without any for so long the streams are opened anew.
  private static let stallMilliseconds: UInt64 = 15_000

  init(to client: Client, _ progress: PushProgress) {
    self.client = client
    self.progress = progress
    nextOpening = Clock.now()
    lastProgress = nextOpening
  }

  /// Returns when the node has all of a blob, durably.
  func push(_ blob: BlobSource) throws(Failure) {
    let reader = try blob.reader()
    self.blob = blob
    isDone = false
    lastProgress = Clock.now()
    schedule = PushSchedule(sizeBytes: blob.sizeBytes, have: ByteRuns())
    // What goes in one piece is sent in the time that asking would take.
    if blob.sizeBytes > PushSchedule.pieceBytes { try resume() }
    account.foundBytes += isDone ? blob.sizeBytes : schedule.acknowledgedBytes
    while !isDone {
      try openStreams()
      try fill(reader)
      for stream in wait() { try take(stream.goOn()) }
      try endLost()
      progress.show(schedule.acknowledgedBytes)
    }
    account.repeatedBytes += schedule.repeatedBytes
  }

  /// Asks what the node has.
  private func resume() throws(Failure) {
    let answer = try client.fetch(["blobs", Hexadecimal.text(blob.digest)])
    isDone = answer[.isComplete]?.boolValue ?? false
    let have = answer[.have].flatMap { ByteRuns($0) } ?? ByteRuns()
    account.repeatedBytes += schedule.repeatedBytes
    schedule = PushSchedule(sizeBytes: blob.sizeBytes, have: isDone ? ByteRuns() : have)
  }

  // MARK: Streams

  /// As many as help: more only while all that there are have enough to do.
  private func openStreams() throws(Failure) {
    let now = Clock.now()
    guard now >= nextOpening, streams.count < wantedStreams else { return }
    nextOpening = now.advanced(milliseconds: streams.count < Self.firstStreams ? 0 : Self.openingMilliseconds)
    streams.append(try PushStream(nextNumber, to: client.destination))
    nextNumber += 1
  }

  private var wantedStreams: Int {
    if client.destination.isLocal { return 1 }
    if streams.count < Self.firstStreams { return blob.sizeBytes > PushSchedule.pieceBytes ? Self.firstStreams : 1 }
    guard schedule.hasWaiting, streams.allSatisfy({ $0.isReady && !$0.hasRoom }) else { return streams.count }
    return Congestion.isRateBased(streams[0].socket) ? Self.mostRateBasedStreams : Self.mostStreams
  }

  private func fill(_ reader: BlobReader) throws(Failure) {
    // One piece for each in turn, so that a small blob is not all on one of them.
    var wasGiven = true
    while wasGiven {
      wasGiven = false
      for stream in streams where stream.hasRoom {
        guard let piece = schedule.next(for: stream.number) else { continue }
        try stream.put(try reader.read(piece), piece, of: blob)
        account.sentBytes += piece.upperBound - piece.lowerBound
        wasGiven = true
      }
    }
  }

  /// The streams that can go on.
  private func wait() -> [PushStream] {
    var polled = streams.map { stream in
      let isConnecting = if case .connecting = stream.state { true } else { false }
      let events = Int16(stream.wantsToWrite || isConnecting ? POLLIN | POLLOUT : POLLIN)
      return pollfd(fd: stream.socket, events: events, revents: 0)
    }
    _ = polled.withUnsafeMutableBufferPointer { poll($0.baseAddress, nfds_t($0.count), Self.turnMilliseconds) }
    return zip(streams, polled).filter { $0.1.revents != 0 }.map { $0.0 }
  }

  private func take(_ answers: [PushStream.Answer]) throws(Failure) {
    // What was repeated of an earlier blob is answered late.
    for answer in answers where answer.digest == blob.digest {
      guard answer.message.code.isSuccess else {
        throw Failure(.refused, Client.problem(of: answer.message))
      }
      schedule.acknowledge(answer.piece)
      lastProgress = Clock.now()
      if answer.message.code != .continue { isDone = true }
    }
  }

  /// What streams that are gone had under way goes to others. When all are gone the agent may be a new one, which has what
  /// is durable: it is asked.
  private func endLost() throws(Failure) {
    let now = Clock.now()
    let isStalled = now.milliseconds(since: lastProgress) >= Self.stallMilliseconds
    if isStalled { for stream in streams { stream.close() } }
    let lost = streams.filter { $0.isClosed }
    if lost.isEmpty { return }
    for stream in lost {
      if let failure = stream.failure { throw failure }
      schedule.lost(stream.number)
    }
    streams.removeAll { $0.isClosed }
    nextOpening = now.advanced(milliseconds: Self.retryMilliseconds)
    guard streams.isEmpty, !isDone else { return }
    guard now.milliseconds(since: lastProgress) < Self.patienceMilliseconds else {
      throw Failure(
        .connectionLost, "push: \(client.destination) went away: push again, and it goes on where this ended")
    }
    try client.reconnect()
    try resume()
  }
}
