import Basics
import CSystem
import Crypto
import LinuxSystem

/// Writes an image to a disk, and reads it back.
final class FlashWriter {
  private let target: FlashTarget
  private let layout: FlashLayout
  private let imageBytes: UInt64
  private var interrupts: FlashInterrupts
  private var progress: Progress
  /// What was written, for reading it back.
  private var pieces: [(offset: UInt64, count: Int, digest: [UInt8])] = []
  private var doneBytes: UInt64 = 0
  private var syncedBytes: UInt64 = 0

  /// So much is written before the medium is waited for: then what progress shows is there.
  private static let syncBytes: UInt64 = 8 << 20
  /// Of an older data partition and of whatever keeps its notes at a disk's end, as GPT and RAID do, nothing is to be found.
  private static let blankDataBytes = 1 << 20
  private static let blankEndBytes = 64 << 10

  init(_ target: FlashTarget, _ layout: FlashLayout, imageBytes: UInt64) throws(Failure) {
    self.target = target
    self.layout = layout
    self.imageBytes = imageBytes
    interrupts = try FlashInterrupts()
    progress = Progress("write \(target.facts.name)", totalBytes: imageBytes)
  }

  /// How much was written.
  var writtenBytes: UInt64 { doneBytes }

  /// Until all is there, the first sector is blank: a disk that is written to half is none that anything would boot or mount.
  func write(_ image: FlashImage) throws(Failure) {
    defer { progress.clear() }
    try target.write([UInt8](repeating: 0, count: PartitionTable.sectorBytes)[...], at: 0)
    try target.sync()
    try writeBoot()
    try writeRest(image)
    try writeBlanks()
    try target.sync()
    try write(layout.front[...], at: 0)
    try target.sync()
  }

  private func writeBoot() throws(Failure) {
    let bytes = layout.boot.bytes
    for start in stride(from: 0, to: bytes.count, by: FlashImage.pieceBytes) {
      let end = min(start + FlashImage.pieceBytes, bytes.count)
      try write(bytes[start..<end], at: UInt64(layout.front.count + start))
    }
  }

  /// What of the image lies behind the first partition.
  private func writeRest(_ image: FlashImage) throws(Failure) {
    let head = UInt64(layout.front.count + layout.boot.bytes.count)
    var offset: UInt64 = 0
    while true {
      let piece = try image.piece()
      if piece.isEmpty { break }
      let known = head > offset ? Int(min(head - offset, UInt64(piece.count))) : 0
      if known < piece.count { try write(piece[known...], at: offset + UInt64(known)) }
      offset += UInt64(piece.count)
    }
    if offset != imageBytes { throw Failure(.refused, "flash: the image has changed meanwhile: begin again") }
  }

  private func writeBlanks() throws(Failure) {
    let dataStart = max(imageBytes, layout.dataStart)
    let blankEnd = layout.dataStart + UInt64(Self.blankDataBytes)
    if dataStart < blankEnd { try write(blank(Int(blankEnd - dataStart)), at: dataStart) }
    let deviceBytes = target.facts.sizeBytes
    let end = max(imageBytes, deviceBytes - UInt64(Self.blankEndBytes))
    if end < deviceBytes { try write(blank(Int(deviceBytes - end)), at: end) }
  }

  private func blank(_ count: Int) -> ArraySlice<UInt8> { [UInt8](repeating: 0, count: count)[...] }

  private func write(_ bytes: ArraySlice<UInt8>, at offset: UInt64) throws(Failure) {
    try interrupts.check()
    try target.write(bytes, at: offset)
    pieces.append((offset, bytes.count, try digest(Array(bytes))))
    doneBytes += UInt64(bytes.count)
    if doneBytes - syncedBytes >= Self.syncBytes {
      try target.sync()
      syncedBytes = doneBytes
    }
    progress.show(doneBytes)
  }

  /// Compares what the medium has with what was written.
  func verify() throws(Failure) {
    progress = Progress("verify \(target.facts.name)", totalBytes: doneBytes)
    defer { progress.clear() }
    try target.forgetCached()
    var readBytes: UInt64 = 0
    for piece in pieces {
      try interrupts.check()
      guard try digest(target.read(piece.count, at: piece.offset)) == piece.digest else {
        throw Failure(
          .refused,
          "flash: \(target.facts.name) does not keep what is written to it, first at \(piece.offset >> 20) MiB: "
            + "throw it away, and take another one")
      }
      readBytes += UInt64(piece.count)
      progress.show(readBytes)
    }
  }

  private func digest(_ bytes: [UInt8]) throws(Failure) -> [UInt8] {
    do throws(CryptoError) { return try SHA256.hash(bytes) } catch {
      throw Failure(.refused, "flash: compute a checksum: \(error)")
    }
  }
}

/// Ctrl-C and its like, taken between two pieces rather than at once.
struct FlashInterrupts: ~Copyable {
  private static let numbers: [CInt] = [SIGINT, SIGTERM, SIGHUP]
  private let signals: FileDescriptor

  init() throws(Failure) {
    let made = Self.numbers.withUnsafeBufferPointer { system_signal_descriptor($0.baseAddress, $0.count) }
    if made < 0 { throw Failure(.refused, "flash: watch for signals: \(Errno(rawValue: -made))") }
    signals = FileDescriptor(owning: made)
  }

  borrowing func check() throws(Failure) {
    let number = system_next_signal(signals.rawValue)
    // As a shell tells of a program that a signal has ended.
    if number > 0 { throw Failure(.exit(128 + number), "flash: interrupted") }
  }
}
