import Basics

/// File systems, told by the few bytes that each has at a place of its own.
enum FileSystemSignature {
  private struct Kind {
    let name: String
    let offset: Int
    let magic: [UInt8]
    /// Where its label stands, and how long it may be; nil: it has none, or it is not worth reading.
    var label: Range<Int>?
  }

  private static let kinds = [
    Kind(name: "ext2/3/4", offset: 0x438, magic: [0x53, 0xEF], label: 0x478..<0x488),
    Kind(name: "FAT", offset: 54, magic: Array("FAT1".utf8), label: 43..<54),
    Kind(name: "FAT", offset: 82, magic: Array("FAT32".utf8), label: 71..<82),
    Kind(name: "NTFS", offset: 3, magic: Array("NTFS    ".utf8)),
    Kind(name: "exFAT", offset: 3, magic: Array("EXFAT   ".utf8)),
    Kind(name: "squashfs", offset: 0, magic: Array("hsqs".utf8)),
    Kind(name: "XFS", offset: 0, magic: Array("XFSB".utf8), label: 108..<120),
    Kind(name: "Btrfs", offset: 0x10040, magic: Array("_BHRfS_M".utf8), label: 0x1012B..<0x1022B),
    Kind(name: "F2FS", offset: 1024, magic: [0x10, 0x20, 0xF5, 0xF2]),
    Kind(name: "swap space", offset: 4086, magic: Array("SWAPSPACE2".utf8), label: 1052..<1068),
    Kind(name: "encrypted (LUKS)", offset: 0, magic: Array("LUKS".utf8) + [0xBA, 0xBE]),
    Kind(name: "LVM", offset: 512, magic: Array("LABELONE".utf8)),
    Kind(name: "RAID", offset: 4096, magic: [0xFC, 0x4E, 0x2B, 0xA9]),
    Kind(name: "ISO 9660", offset: 32769, magic: Array("CD001".utf8), label: 32808..<32840),
  ]

  /// So many of the first bytes are looked at.
  static let headBytes = 0x1022B

  /// As `FAT "MICROAGENT"`; empty: none of those that are known.
  static func text(of head: [UInt8]) -> String {
    guard let kind = kinds.first(where: { head.dropFirst($0.offset).starts(with: $0.magic) }) else { return "" }
    guard let range = kind.label, range.upperBound <= head.count else { return kind.name }
    let label = ASCII.trim(head[range].prefix { $0 != 0 })
    return label.isEmpty ? kind.name : "\(kind.name) \"\(ASCII.string(label))\""
  }
}
