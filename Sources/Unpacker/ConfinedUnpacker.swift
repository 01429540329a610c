import Basics
import CSystem
import Crypto
import Images
import LinuxSystem

/// The process that reads the stranger's archive: it sees nothing but the directory that it fills, and can do little else.
///
/// It holds three descriptors: the blob, the directory, and the socket on which it reports to the `Unpacker`. A message
/// of one byte with a descriptor there asks for what it has no right to: hiding what lower layers have in that directory.
final class ConfinedUnpacker {
  /// Asks to hide lower layers; no `UnpackReport` begins with it.
  static let hideLower: UInt8 = 0xFF
  /// How much of a blob is read between two reports.
  private static let progressBytes: UInt64 = 256 * 1024

  private let job: UnpackJob
  private let socket: CInt
  private let bytes: LayerBytes
  private var hash: SHA256Stream
  private var tar = TarReader()
  private var plan: LayerPlan
  private var writer: LayerWriter
  private var totalBytes: UInt64 = 0
  private var reportedBytes: UInt64 = 0

  /// Unpacks and reports how that ended. The descriptors are lent.
  static func run(_ job: UnpackJob, blob: CInt, directory: CInt, socket: CInt) {
    do throws(UnpackError) {
      try said { () throws(SystemError) in
        try check(system_confine_to(directory, UnpackJob.memoryBytes), "confine", "the unpacker")
      }
      let unpacker = try ConfinedUnpacker(job, blob: blob, directory: directory, socket: socket)
      try unpacker.unpack()
      UnpackReport.done(try unpacker.finish()).send(on: socket)
    } catch {
      UnpackReport.failed(error.line).send(on: socket)
    }
  }

  private init(_ job: UnpackJob, blob: CInt, directory: CInt, socket: CInt) throws(UnpackError) {
    self.job = job
    self.socket = socket
    bytes = LayerBytes(blob: blob)
    hash = try said { () throws(CryptoError) in try SHA256Stream() }
    plan = LayerPlan(owners: job.owners, limits: job.limits)
    writer = LayerWriter(root: directory, rootOwner: job.owners.firstHostID) { descriptor in
      // Where nobody is left to hear it, the end of this process is near, too.
      _ = system_send_message(socket, [Self.hideLower], 1, [descriptor], 1, 1)
    }
  }

  private func unpack() throws(UnpackError) {
    while true {
      let piece = try bytes.next()
      if piece.isEmpty { return }
      totalBytes += UInt64(piece.count)
      if totalBytes > job.limits.bytes {
        throw UnpackError(LayerError(.tooLarge(limitBytes: job.limits.bytes), []).description)
      }
      try take(piece)
      reportProgress()
    }
  }

  private func take(_ piece: ArraySlice<UInt8>) throws(UnpackError) {
    try said { () throws(CryptoError) in try hash.update(piece) }
    var rest = piece
    while let event = try said({ () throws(TarError) in try tar.next(&rest) }) {
      switch event {
      case .entry(let entry):
        let step = try said { () throws(LayerError) in try plan.step(for: entry) }
        try said { () throws(SystemError) in try writer.perform(step) }
      case .data(let data): try said { () throws(SystemError) in try writer.write(data) }
      }
    }
  }

  private func reportProgress() {
    if bytes.blobBytes - reportedBytes < Self.progressBytes { return }
    reportedBytes = bytes.blobBytes
    UnpackReport.progress(blobBytes: reportedBytes).send(on: socket)
  }

  private func finish() throws(UnpackError) -> UnpackReport.Summary {
    try said { () throws(TarError) in try tar.finish() }
    try said { () throws(SystemError) in try writer.finish() }
    let found = try said { () throws(CryptoError) in try hash.finish() }
    if found != job.digest.bytes {
      throw UnpackError("the archive is not the one that the image's configuration names: pull the image again")
    }
    return UnpackReport.Summary(
      bytes: totalBytes, entries: plan.entries, skipped: plan.skipped + writer.lostAttributes)
  }
}
