import Basics
import CSystem
import LinuxSystem
import MicroAgent

/// The process that has the blobs, and may wait for the disk: writes what clients bring, checks it, and deletes what is not
/// needed any more. The agent starts it when there is something to do, and lets it end soon after.
final class BlobWriter {
  static let processName = "blob-writer"
  /// An earlier one, of an agent that died, finishes what it was given.
  private static let lockPatienceMilliseconds: UInt64 = 30_000
  private static let lockPauseMilliseconds: UInt64 = 20
  /// Blobs that are under way at once; of more the one that was written to least lately is closed, and opened again when it
  /// goes on.
  private static let mostOpen = 4
  /// What is kept of blobs that are no image yet; of more the oldest go.
  static let mostParts = 128

  private let socket: MessageSocket
  private let files: ImageFiles
  /// The one written to last is the last.
  private var open: [BlobFile] = []

  private init(_ socket: consuming MessageSocket, _ files: ImageFiles) {
    self.socket = socket
    self.files = files
  }

  /// The process's whole life.
  static func run(_ socket: consuming MessageSocket, _ files: ImageFiles) {
    // Held until this process ends.
    guard let lock = try? FileDescriptor.open(files.lock, O_RDWR | O_CREAT) else { return }
    let end = Clock.now().advanced(milliseconds: lockPatienceMilliseconds)
    while system_lock(lock.rawValue) < 0 {
      if Clock.now() >= end { return }
      Clock.sleep(milliseconds: lockPauseMilliseconds)
    }
    BlobWriter(socket, files).serve()
    withExtendedLifetime(lock) {}
  }

  private func serve() {
    while let (number, task) = next() {
      let answer = perform(task).message(number: number)
      // Where nobody is left to hear it, the next receive finds the end.
      _ = system_send_message(socket.descriptor.rawValue, answer, answer.count, nil, 0, 1)
    }
    syncAll()
  }

  /// The next task, after waiting for one; nil: none will come any more. Without one for a while what there is is made to last.
  private func next() -> (UInt64, BlobTask)? {
    let descriptor = socket.descriptor.rawValue
    var readable: CInt = 0
    if system_wait_readable([descriptor], &readable, 1, CInt(ProgramMemory.quietMilliseconds)) == 0 { syncAll() }
    guard let message = try? socket.receive(limitBytes: BlobTask.maximumMessageBytes, wait: true) else { return nil }
    return message.bytes.isEmpty ? nil : BlobTask.read(message.bytes)
  }

  private func syncAll() {
    for file in open { try? file.sync() }
  }

  private func perform(_ task: BlobTask) -> BlobAnswer {
    do throws(SystemError) {
      switch task {
      case .status(let digest): return status(digest)
      case .write(let digest, let size, let offset, let bytes): return try write(digest, size, bytes, at: offset)
      case .read(let digest, let limit):
        return .content(try Files.read(files.blob(digest), limitBytes: Int(clamping: limit)))
      case .remove(let blobs, let layers):
        try remove(blobs, layers)
        return .done
      case .sweep(let layers, let known):
        try remove([], layers.filter { !known.contains($0) })
        for digest in known { try removeHalves(of: digest) }
        return .done
      case .account(let user, let layers):
        return LayerFiles(layers.map { files.layer($0) }).account(of: user).map { .account($0) } ?? .done
      }
    } catch {
      return error.errno == .noSpace ? .noSpace(lackBytes: 0) : .failed("\(error)")
    }
  }

  private func status(_ digest: [UInt8]) -> BlobAnswer {
    var found = system_file_status()
    if system_stat(files.blob(digest), &found) == 0 {
      return .status(sizeBytes: found.size_bytes, have: ByteRuns(), isComplete: true)
    }
    if let file = open.first(where: { $0.digest == digest }) {
      return .status(sizeBytes: file.sizeBytes, have: file.have, isComplete: false)
    }
    let part = BlobFile.found(digest, files)
    return .status(sizeBytes: part?.sizeBytes ?? 0, have: part?.have ?? ByteRuns(), isComplete: false)
  }

  // MARK: Writing

  private func write(
    _ digest: [UInt8], _ size: UInt64, _ bytes: [UInt8], at offset: UInt64
  ) throws(SystemError) -> BlobAnswer {
    if !open.contains(where: { $0.digest == digest }), Files.exists(files.blob(digest)) { return .complete }
    guard let file = try file(digest, size) else { return .noSpace(lackBytes: size - min(size, files.roomBytes)) }
    guard file.sizeBytes == size else {
      return .failed("blob: a client says that it has \(file.sizeBytes) bytes, and another one that it has \(size)")
    }
    guard try file.write(bytes, at: offset) else {
      return .failed("blob: too many pieces of it are missing in between: send those first")
    }
    guard file.isWhole else { return .written }
    open.removeAll { $0 === file }
    return try file.finish() ? .complete : .wrongDigest
  }

  /// The blob, opened where it is not; nil: there is no room for it.
  private func file(_ digest: [UInt8], _ size: UInt64) throws(SystemError) -> BlobFile? {
    if let index = open.firstIndex(where: { $0.digest == digest }) {
      let file = open.remove(at: index)
      open.append(file)
      return file
    }
    if BlobFile.found(digest, files)?.sizeBytes != size {
      // One that never came to a map has nothing, and takes room.
      try Files.remove(files.part(digest))
      try makeRoom(for: size, besides: digest)
      if size > files.roomBytes { return nil }
    }
    if open.count >= Self.mostOpen {
      try open[0].sync()
      open.removeFirst()
    }
    let file = try BlobFile(digest, sizeBytes: size, files)
    open.append(file)
    return file
  }

  /// Removes what was brought and never made an image, the oldest first: where there are too many, or where room is lacking. What
  /// somebody may be at stays.
  private func makeRoom(for size: UInt64, besides digest: [UInt8]) throws(SystemError) {
    var left = try Files.list(files.blobs).compactMap { BlobLeft($0, in: files) }.sorted { $0.modified < $1.modified }
    left.removeAll { blob in blob.digest == digest || open.contains { $0.digest == blob.digest } }
    let now = Clock.wallSeconds()
    for (index, blob) in left.enumerated() {
      let areTooMany = left.count - index >= Self.mostParts
      let isOld = blob.modified < now && now - blob.modified >= BlobLeft.oldSeconds
      guard areTooMany || isOld && files.roomBytes < size else { continue }
      try remove([blob.digest], [])
    }
  }

  // MARK: Removing

  private func remove(_ blobs: [[UInt8]], _ layers: [[UInt8]]) throws(SystemError) {
    for digest in blobs {
      open.removeAll { $0.digest == digest }
      for path in [files.blob(digest), files.part(digest), files.map(digest)] { try Files.remove(path) }
    }
    for digest in layers {
      // One that is half gone must not be taken for one that is there.
      let path = files.layer(digest)
      if Files.exists(path) {
        try FileTree.remove(path + ".old")
        try Files.rename(path, to: path + ".old")
      }
      try removeHalves(of: digest)
    }
  }

  private func removeHalves(of digest: [UInt8]) throws(SystemError) {
    try FileTree.remove(files.layer(digest) + ".old")
    try FileTree.remove(files.draft(digest))
  }
}

/// A file of a blob, whole or not, that no process has open.
private struct BlobLeft {
  let digest: [UInt8]
  /// Seconds since 1970.
  let modified: UInt64

  /// After so long nobody is at it any more.
  static let oldSeconds: UInt64 = 3600

  /// Nil for what stands beside them.
  init?(_ name: String, in files: ImageFiles) {
    let digits = name.utf8.prefix { $0 != UInt8(ascii: ".") }
    let ending = String(decoding: name.utf8.dropFirst(digits.count), as: UTF8.self)
    guard ending.isEmpty || ending == ".part", let digest = Hexadecimal.bytes(digits) else { return nil }
    var status = system_file_status()
    guard system_stat(files.blobs + "/" + name, &status) == 0 else { return nil }
    self.digest = digest
    modified = UInt64(max(0, status.modified_seconds))
  }
}
