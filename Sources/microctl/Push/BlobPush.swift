import Basics
import CSystem
import LinuxSystem
import MicroAgent
import Microcloud

/// Brings blobs to a node: over several streams at once where it is far away, going on where an earlier attempt ended.
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
  private let blobs: [BlobSource]
  private var readers: [BlobReader?]
  private let progress: Progress
  private var streams: [PushStream] = []
  private var schedule: PushSchedule
  private(set) var account = Account()
  private var nextNumber = 0
  private var nextOpening: Instant
  private var lastProgress: Instant

  /// A stream that goes by losses carries 1 Mbit/s where 2 % of the packets are lost at 100 ms; with BBR a few do.
  private static let mostStreams = 12
  private static let mostRateBasedStreams = 2
  /// Each costs the board a key exchange, of which it takes eight at once and then two a second: these need not wait, for others
  /// so long after the one before.
  private static let promptStreams = 6
  private static let openingMilliseconds: UInt64 = 450
  /// Streams that are being opened at once: a slow board is not to be busy with that alone.
  private static let mostOpening = 3
  /// A further stream is worth its key exchange while so much is left for each that there is.
  private static let worthBytes: UInt64 = 128 * 1024
  /// After one that was refused or lost.
  private static let retryMilliseconds: UInt64 = 600
  private static let turnMilliseconds: CInt = 200
  /// Without any progress for so long it is given up; what is there stays.
  private static let patienceMilliseconds: UInt64 = 60_000
  /// Without any for so long the streams are opened anew.
  private static let stallMilliseconds: UInt64 = 15_000

  init(_ blobs: [BlobSource], to client: Client, _ progress: Progress) {
    self.client = client
    self.blobs = blobs
    self.progress = progress
    readers = blobs.map { _ in nil }
    schedule = PushSchedule(blobs.map { PushSchedule.Blob(sizeBytes: $0.sizeBytes) })
    nextOpening = Clock.now()
    lastProgress = nextOpening
  }

  /// Returns when the node has all of all blobs, durably.
  func run() throws(Failure) {
    try resume()
    account.foundBytes = schedule.acknowledgedBytes
    while !schedule.isDone {
      try openStreams()
      try fill()
      for stream in wait() { try take(stream.goOn()) }
      try endLost()
      progress.show(schedule.acknowledgedBytes)
    }
    account.repeatedBytes += schedule.repeatedBytes
  }

  /// Asks what the node has.
  private func resume() throws(Failure) {
    // What goes in one piece is sent in the time that asking would take.
    let asked = blobs.indices.filter { blobs[$0].sizeBytes > PushSchedule.pieceBytes && !schedule.isDone($0) }
    let answers = try client.fetch(asked.map { ["blobs", Hexadecimal.text(blobs[$0].digest)] })
    var found = blobs.indices.map { number in
      PushSchedule.Blob(sizeBytes: blobs[number].sizeBytes, isComplete: schedule.isDone(number))
    }
    for (number, answer) in zip(asked, answers) {
      found[number].isComplete = answer[.isComplete]?.boolValue ?? false
      found[number].have = answer[.have].flatMap { ByteRuns($0) } ?? ByteRuns()
    }
    account.repeatedBytes += schedule.repeatedBytes
    schedule = PushSchedule(found)
  }

  // MARK: Streams

  /// As many as help.
  private func openStreams() throws(Failure) {
    let now = Clock.now()
    guard now >= nextOpening, streams.isEmpty || isAnotherWorthIt else { return }
    nextOpening = now.advanced(milliseconds: streams.count < Self.promptStreams ? 0 : Self.openingMilliseconds)
    streams.append(try PushStream(nextNumber, to: client.destination))
    nextNumber += 1
  }

  private var isAnotherWorthIt: Bool {
    if client.destination.isLocal { return false }
    let isRateBased = Congestion.isRateBased(streams[0].socket)
    return streams.count < (isRateBased ? Self.mostRateBasedStreams : Self.mostStreams)
      && schedule.waitingBytes > UInt64(streams.count) * Self.worthBytes
      && streams.count(where: { !$0.isReady }) < Self.mostOpening
  }

  private func fill() throws(Failure) {
    for stream in streams where stream.hasRoom {
      guard let piece = schedule.next(for: stream.number) else { continue }
      let blob = blobs[piece.blob]
      try stream.put(try reader(of: piece.blob).read(piece.range), piece, of: blob)
      account.sentBytes += piece.sizeBytes
    }
  }

  private func reader(of blob: Int) throws(Failure) -> BlobReader {
    if let open = readers[blob] { return open }
    let reader = try blobs[blob].reader()
    readers[blob] = reader
    return reader
  }

  /// The streams that can go on.
  private func wait() -> [PushStream] {
    var polled = streams.map { pollfd(fd: $0.socket, events: $0.events, revents: 0) }
    _ = polled.withUnsafeMutableBufferPointer { poll($0.baseAddress, nfds_t($0.count), Self.turnMilliseconds) }
    for (stream, found) in zip(streams, polled) where found.revents & Int16(POLLOUT) != 0 { stream.noteRoom() }
    return zip(streams, polled).filter { $0.1.revents != 0 }.map { $0.0 }
  }

  private func take(_ answers: [PushStream.Answer]) throws(Failure) {
    for answer in answers {
      guard answer.message.code.isSuccess else {
        throw Failure(.refused, Client.problem(of: answer.message))
      }
      schedule.acknowledge(answer.piece)
      lastProgress = Clock.now()
      if answer.message.code != .continue {
        schedule.complete(answer.piece.blob)
        readers[answer.piece.blob] = nil
      }
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
    guard streams.isEmpty, !schedule.isDone else { return }
    guard now.milliseconds(since: lastProgress) < Self.patienceMilliseconds else {
      throw Failure(
        .connectionLost, "push: \(client.destination) went away: push again, and it goes on where this ended")
    }
    try client.reconnect()
    try resume()
  }
}
