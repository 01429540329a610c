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

  /// What an entry takes of a disk beside its data, as a header in an archive would say it.
  private static let entryBytes: UInt64 = 512

  private let job: UnpackJob
  private let blob: CInt
  private let socket: CInt
  private let bytes: LayerBytes
  private var hash: SHA256Stream
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
      UnpackReport.done(try unpacker.unpack()).send(on: socket)
    } catch {
      UnpackReport.failed(error.line).send(on: socket)
    }
  }

  private init(_ job: UnpackJob, blob: CInt, directory: CInt, socket: CInt) throws(UnpackError) {
    self.job = job
    self.blob = blob
    self.socket = socket
    bytes = LayerBytes(blob: blob)
    hash = try said { () throws(CryptoError) in try SHA256Stream() }
    plan = LayerPlan(owners: job.owners, limits: job.limits)
    let examination = ProgramExamination(lacking: job.lacking, socket: socket)
    let hideLower = { (descriptor: CInt) in
      // Where nobody is left to hear it, the end of this process is near, too.
      _ = system_send_message(socket, [Self.hideLower], 1, [descriptor], 1, 1)
    }
    writer = LayerWriter(
      root: directory, rootOwner: job.owners.firstHostID, examine: { examination.examine($0, $1) },
      hideLower: hideLower)
  }

  private func unpack() throws(UnpackError) -> UnpackReport.Summary {
    // By the first bytes, as with compression.
    let first = try bytes.next()
    if SquashfsHeader.isSquashfs(first) { try unpackSquashfs(first) } else { try unpackArchive(first) }
    try said { () throws(SystemError) in try writer.finish() }
    return UnpackReport.Summary(
      bytes: totalBytes, entries: plan.entries, skipped: plan.skipped + writer.lostAttributes)
  }

  private func make(_ entry: TarEntry) throws(UnpackError) {
    let step = try said { () throws(LayerError) in try plan.step(for: entry) }
    try said { () throws(SystemError) in try writer.perform(step) }
    try said { () throws(LayerError) in
      try plan.note(unnamedDirectories: writer.unnamedDirectories, at: entry.path)
    }
  }

  private func write(_ data: ArraySlice<UInt8>) throws(UnpackError) {
    try said { () throws(SystemError) in try writer.write(data) }
  }

  /// Counts what the layer takes.
  private func add(_ count: UInt64) throws(UnpackError) {
    totalBytes += count
    if totalBytes > job.limits.bytes {
      throw UnpackError(LayerError(.tooLarge(limitBytes: job.limits.bytes), []).description)
    }
  }

  private func reportProgress() {
    if bytes.blobBytes - reportedBytes < Self.progressBytes { return }
    reportedBytes = bytes.blobBytes
    UnpackReport.progress(blobBytes: reportedBytes).send(on: socket)
  }

  private func checkDigest() throws(UnpackError) {
    let found = try said { () throws(CryptoError) in try hash.finish() }
    if found != job.digest.bytes {
      throw UnpackError("the archive is not the one that the image's configuration names: pull the image again")
    }
  }

  // MARK: Archives

  /// What comes is written and hashed in one go: at the end it counts, or not.
  private func unpackArchive(_ first: ArraySlice<UInt8>) throws(UnpackError) {
    var tar = TarReader()
    var piece = first
    while !piece.isEmpty {
      try add(UInt64(piece.count))
      try said { () throws(CryptoError) in try hash.update(piece) }
      try take(piece, &tar)
      reportProgress()
      // Its bytes are written over by the next.
      piece = []
      piece = try bytes.next()
    }
    try said { () throws(TarError) in try tar.finish() }
    try checkDigest()
  }

  private func take(_ piece: ArraySlice<UInt8>, _ tar: inout TarReader) throws(UnpackError) {
    var rest = piece
    while true {
      let event = try said { () throws(TarError) in try tar.next(&rest) }
      switch event {
      case .entry(let entry)?: try make(entry)
      case .data(let data)?: try write(data)
      case nil: return
      }
    }
  }

  // MARK: Squashfs

  /// It is read here and there, so it is hashed before.
  private func unpackSquashfs(_ first: ArraySlice<UInt8>) throws(UnpackError) {
    var piece = first
    while !piece.isEmpty {
      try said { () throws(CryptoError) in try hash.update(piece) }
      reportProgress()
      piece = []
      piece = try bytes.next()
    }
    try checkDigest()
    plan = LayerPlan(owners: job.owners, limits: job.limits, hasWhiteouts: false)
    let source = try SquashfsBlob(blob: blob)
    var reader = try said { () throws(SquashfsError) in try SquashfsReader(source) }
    while true {
      let event = try said { () throws(SquashfsError) in try reader.next() }
      switch event {
      case .entry(let entry)?:
        try add(Self.entryBytes)
        try make(entry)
      case .data(let data)?:
        try add(UInt64(data.count))
        try write(data)
      case nil: return
      }
    }
  }
}
