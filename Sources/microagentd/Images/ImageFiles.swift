import Basics
import LinuxSystem

/// Where blobs and layers lie: below `images` in the state directory, each named by its SHA-256.
struct ImageFiles {
  let directory: String

  /// What is not to be taken of a disk, however large it is: others need room, too.
  private static let mostReserveBytes: UInt64 = 64 << 20

  var blobs: String { directory + "/blobs" }
  var layers: String { directory + "/layers" }
  /// Locked by the one process that writes blobs.
  var lock: String { directory + "/lock" }

  func blob(_ digest: [UInt8]) -> String { blobs + "/" + Hexadecimal.text(digest) }
  /// A blob that is not complete.
  func part(_ digest: [UInt8]) -> String { blob(digest) + ".part" }
  /// What of it is durable.
  func map(_ digest: [UInt8]) -> String { blob(digest) + ".map" }
  /// An unpacked layer.
  func layer(_ digest: [UInt8]) -> String { layers + "/" + Hexadecimal.text(digest) }
  /// A layer that is being unpacked.
  func draft(_ digest: [UInt8]) -> String { layer(digest) + ".new" }

  func makeDirectories() throws(SystemError) {
    try Files.makeDirectories(blobs, mode: 0o700)
    try Files.makeDirectory(layers, mode: 0o711)
  }

  /// How much more may be written here: a part of the disk stays free.
  var roomBytes: UInt64 {
    let (free, total) = MachineStatus.diskBytes(directory)
    let reserve = min(Self.mostReserveBytes, total / 20)
    return free > reserve ? free - reserve : 0
  }
}
