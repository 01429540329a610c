/// The four partitions of which a disk's first sector tells (master boot record).
struct PartitionTable: Equatable {
  /// One of them.
  struct Entry: Equatable {
    let type: UInt8
    let startBytes: UInt64
    let sizeBytes: UInt64

    var isUsed: Bool { type != 0 && sizeBytes > 0 }
    var endBytes: UInt64 { startBytes + sizeBytes }
  }

  static let sectorBytes = 512
  private static let count = 4
  private static let entriesOffset = 446
  private static let entryBytes = 16
  /// As far as numbers of 32 bits count sectors.
  private static let maximumSectors = UInt64(UInt32.max)

  let entries: [Entry]

  /// Nil: the sector is none with such a table.
  init?(_ sector: ArraySlice<UInt8>) {
    guard DiskNumber.read(sector, 510, 2) == 0xAA55 else { return nil }
    var entries: [Entry] = []
    for index in 0..<Self.count {
      let offset = Self.entriesOffset + index * Self.entryBytes
      guard let type = DiskNumber.read(sector, offset + 4, 1), let first = DiskNumber.read(sector, offset + 8, 4),
        let size = DiskNumber.read(sector, offset + 12, 4)
      else { return nil }
      let unit = UInt64(Self.sectorBytes)
      entries.append(Entry(type: UInt8(type), startBytes: first * unit, sizeBytes: size * unit))
    }
    self.entries = entries
  }

  /// Has the last partition reach to the end of a device, or as far as the table can tell.
  static func growLast(in sector: inout [UInt8], toEndOf deviceBytes: UInt64) {
    let offset = entriesOffset + (count - 1) * entryBytes
    guard let first = DiskNumber.read(sector[...], offset + 8, 4) else { return }
    let sectors = deviceBytes / UInt64(sectorBytes)
    DiskNumber.write(min(sectors - min(first, sectors), maximumSectors), &sector, offset + 12, 4)
    // The end in cylinders, heads and sectors: beyond what these can tell.
    DiskNumber.write(0xFF_FFFE, &sector, offset + 5, 3)
  }
}
