import LinuxSystem
import MicroAgent

/// What of an image of ours there is to know before it is written: where its parts lie, and its first partition, in which
/// the settings are.
struct FlashLayout {
  static let configurationName = "microagent.conf"
  /// A board with less for its data is of no use.
  static let leastDataBytes: UInt64 = 32 << 20

  private static let maximumFrontBytes: UInt64 = 16 << 20
  private static let maximumBootBytes: UInt64 = 64 << 20

  /// What lies before the first partition: its first sector has the partition table, and the loader may have some more.
  private(set) var front: [UInt8]
  private(set) var boot: FATVolume
  let dataStart: UInt64
  private let table: PartitionTable

  /// How much of an image's beginning it takes; nil: that does not begin an image of ours.
  static func headBytes(firstSector: ArraySlice<UInt8>) -> Int? {
    guard let table = PartitionTable(firstSector), let boot = table.entries.first, boot.isUsed,
      boot.startBytes >= UInt64(PartitionTable.sectorBytes), boot.startBytes <= maximumFrontBytes,
      boot.sizeBytes <= maximumBootBytes
    else { return nil }
    return Int(boot.endBytes)
  }

  /// - Parameter head: as much of the image as `headBytes` tells.
  /// - Throws: why that is no image of ours.
  init(head: [UInt8], imageBytes: UInt64) throws(FlashProblem) {
    guard let table = PartitionTable(head[...]) else { throw FlashProblem("it has no partition table") }
    let entries = table.entries
    guard entries.allSatisfy({ $0.isUsed }) else { throw FlashProblem("it does not have four partitions") }
    for (before, after) in zip(entries, entries.dropFirst()) where after.startBytes < before.endBytes {
      throw FlashProblem("its partitions overlap")
    }
    guard entries[0].startBytes > 0, entries[0].endBytes == UInt64(head.count) else {
      throw FlashProblem("it ends inside its first partition")
    }
    guard imageBytes >= entries[2].endBytes else { throw FlashProblem("it ends inside its systems") }
    self.table = table
    dataStart = entries[3].startBytes
    front = Array(head[..<Int(entries[0].startBytes)])
    do throws(FATError) {
      boot = try FATVolume(Array(head[Int(entries[0].startBytes)...]))
      _ = try boot.read(Self.configurationName)
    } catch {
      throw FlashProblem("its first partition: \(Self.configurationName): \(error.problem)")
    }
  }

  /// The least size of a disk for it.
  var neededBytes: UInt64 { dataStart + Self.leastDataBytes }

  /// Puts settings into its configuration file.
  mutating func put(_ lines: [ConfigurationText.Line]) throws(FlashProblem) {
    do throws(FATError) {
      let text = ConfigurationText.putting(lines, into: try boot.read(Self.configurationName))
      try boot.replace(Self.configurationName, with: text)
    } catch {
      throw FlashProblem("\(Self.configurationName): \(error.problem)")
    }
  }

  /// Has the data partition reach to the end of the disk.
  mutating func growData(toEndOf deviceBytes: UInt64) {
    PartitionTable.growLast(in: &front, toEndOf: deviceBytes)
  }
}

/// Why something cannot be done, as the end of a line that begins with what it is about.
struct FlashProblem: Error, Equatable {
  let text: String

  init(_ text: String) { self.text = text }
}
