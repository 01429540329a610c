/// What there is to know of a disk before it is written over.
struct DiskFacts: Equatable {
  /// A part of it, or all of it where it has none.
  struct Part: Equatable {
    var name: String
    var startBytes: UInt64 = 0
    var sizeBytes: UInt64
    /// What file system it holds, with its label; empty: none that is known.
    var content = ""
    /// What the machine uses it for, as `mounted on /home`.
    var uses: [String] = []
  }

  /// As the kernel calls it: `sdb`. Of a file its path.
  var name: String
  /// Who made it; of a loop device its file.
  var model = ""
  var sizeBytes: UInt64 = 0
  /// A card whose switch is on, for instance.
  var isReadOnly = false
  /// What it is a partition of; nil: it is a whole disk.
  var wholeDisk: String?
  /// The machine that this runs on has its own files there.
  var holdsSystem = false
  var whole = Part(name: "", sizeBytes: 0)
  var partitions: [Part] = []

  /// Why it must not be written over; nil: it may, as far as these facts tell.
  /// - Parameter neededBytes: the least size that will do.
  func refusal(neededBytes: UInt64) -> String? {
    if let wholeDisk { return "\(name) is a partition: give the whole disk, /dev/\(wholeDisk)" }
    if holdsSystem { return "\(name) is the disk that this machine runs from" }
    for part in [whole] + partitions {
      guard let use = part.uses.first else { continue }
      return "\(part.name) is \(use): unmount what is on \(name) and try again"
    }
    if isReadOnly { return "\(name) is write-protected: move the switch on the card, if it has one" }
    if sizeBytes < neededBytes {
      let needed = (neededBytes + (1 << 20) - 1) >> 20
      return "\(name) has \(sizeBytes >> 20) MiB, and the image with its data needs \(needed): take a larger one"
    }
    return nil
  }
}
