import TestSupport
import Testing

@testable import microctl

/// A small FAT16 file system, made by the letter of its description: clusters of 512 bytes, two tables.
struct MadeFAT {
  static let tableSectors = 17
  static let clusters = 4300
  static let rootEntries = 32
  static let tableOffset = 512
  static let rootOffset = 512 * (1 + 2 * tableSectors)
  static let dataOffset = rootOffset + rootEntries * 32

  var bytes = [UInt8](repeating: 0, count: dataOffset + clusters * 512)
  private var entries = 0

  init() {
    for (offset, count, number) in [
      (11, 2, 512), (13, 1, 1), (14, 2, 1), (16, 1, 2), (17, 2, Self.rootEntries), (19, 2, bytes.count / 512),
      (21, 1, 0xF8), (22, 2, Self.tableSectors), (510, 2, 0xAA55),
    ] { DiskNumber.write(UInt64(number), &bytes, offset, count) }
    link(0, 0xFFF8)
    link(1, 0xFFFF)
    // A label is no file, whatever its name.
    add(short: "MICROAGENT ", attributes: 0x08, cluster: 0, size: 0)
  }

  mutating func link(_ cluster: Int, _ next: Int) {
    for table in 0..<2 {
      DiskNumber.write(UInt64(next), &bytes, Self.tableOffset + table * Self.tableSectors * 512 + cluster * 2, 2)
    }
  }

  /// Puts a file into these clusters.
  mutating func add(short: String, long: String? = nil, content: [UInt8], in chain: [Int]) {
    if let long { addLong(long, short) }
    add(short: short, attributes: 0x20, cluster: chain.first ?? 0, size: content.count)
    for (index, cluster) in chain.enumerated() {
      link(cluster, index + 1 < chain.count ? chain[index + 1] : 0xFFFF)
      for (place, byte) in content.dropFirst(index * 512).prefix(512).enumerated() {
        bytes[Self.dataOffset + (cluster - 2) * 512 + place] = byte
      }
    }
  }

  private mutating func add(short: String, attributes: Int, cluster: Int, size: Int) {
    let offset = nextEntry()
    for (index, byte) in short.utf8.enumerated() { bytes[offset + index] = byte }
    DiskNumber.write(UInt64(attributes), &bytes, offset + 11, 1)
    DiskNumber.write(UInt64(cluster), &bytes, offset + 26, 2)
    DiskNumber.write(UInt64(size), &bytes, offset + 28, 4)
  }

  private mutating func addLong(_ name: String, _ short: String) {
    let checksum = short.utf8.reduce(UInt8(0)) { (($0 & 1) << 7 | $0 >> 1) &+ $1 }
    let letters = Array(name.utf16) + [0]
    let count = (name.utf16.count + 12) / 13
    for number in (1...count).reversed() {
      let offset = nextEntry()
      bytes[offset] = UInt8(number) | (number == count ? 0x40 : 0)
      bytes[offset + 11] = 0x0F
      bytes[offset + 13] = checksum
      for (index, place) in [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30].enumerated() {
        let letter = (number - 1) * 13 + index
        DiskNumber.write(UInt64(letter < letters.count ? letters[letter] : 0xFFFF), &bytes, offset + place, 2)
      }
    }
  }

  private mutating func nextEntry() -> Int {
    entries += 1
    return Self.rootOffset + (entries - 1) * 32
  }
}

/// What is asked for by its long name, with one cluster between those of another file.
private func made(_ content: [UInt8], in chain: [Int]) -> MadeFAT {
  var fat = MadeFAT()
  fat.add(short: "KERNEL     ", content: [UInt8](repeating: 7, count: 1000), in: [2, 5])
  fat.add(short: "MICROA~1CON", long: "microagent.conf", content: content, in: chain)
  return fat
}

private let name = "microagent.conf"

struct FlashFATTests {
  @Test(arguments: [0, 1, 511, 512, 513, 1024, 5000, 65536])
  func whatIsPutInIsReadAgainAndNothingElseChanges(_ count: Int) throws {
    var volume = try FATVolume(made(Array("old".utf8), in: [3]).bytes)
    let content = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 31) }
    try volume.replace(name, with: content)
    #expect(try volume.read(name) == content)
    #expect(try volume.read("KERNEL") == [UInt8](repeating: 7, count: 1000))
    // And again, from what was made of it.
    var again = try FATVolume(volume.bytes)
    try again.replace(name, with: Array("new".utf8))
    #expect(try again.read(name) == Array("new".utf8))
    #expect(try again.read("KERNEL") == [UInt8](repeating: 7, count: 1000))
  }

  @Test func clustersThatAreNotNeededAreFree() throws {
    let fat = made([UInt8](repeating: 1, count: 2000), in: [3, 4, 6, 7])
    var volume = try FATVolume(fat.bytes)
    try volume.replace(name, with: [1])
    for table in 0..<2 {
      let offset = MadeFAT.tableOffset + table * MadeFAT.tableSectors * 512
      #expect([3, 4, 6, 7].map { DiskNumber.read(volume.bytes[...], offset + $0 * 2, 2) } == [0xFFFF, 0, 0, 0])
    }
  }

  @Test func namesAreFoundWhateverTheirCase() throws {
    let volume = try FATVolume(made(Array("x".utf8), in: [3]).bytes)
    #expect(try volume.read("MicroAgent.CONF") == Array("x".utf8))
    // By its long name it is called; the short one is only there for those that know no other.
    #expect(throws: FATError.noSuchFile) { try volume.read("microa~1.con") }
    #expect(throws: FATError.noSuchFile) { try volume.read("microagent") }
  }

  @Test func aLongNameOfAnotherFileIsNone() throws {
    var fat = made(Array("x".utf8), in: [3])
    // The short name was changed by somebody who knew nothing of the long one.
    let entry = MadeFAT.rootOffset + 4 * 32
    fat.bytes[entry] = UInt8(ascii: "N")
    #expect(throws: FATError.noSuchFile) { try FATVolume(fat.bytes).read(name) }
    #expect(try FATVolume(fat.bytes).read("nicroa~1.con") == Array("x".utf8))
  }

  @Test func aFileInBadOrderIsRefused() throws {
    var loop = made([UInt8](repeating: 1, count: 2000), in: [3, 4, 6, 7])
    loop.link(6, 3)
    #expect(throws: FATError.damaged) { try FATVolume(loop.bytes).read(name) }
    var short = made([UInt8](repeating: 1, count: 2000), in: [3, 4, 6, 7])
    short.link(4, 0xFFFF)
    #expect(throws: FATError.damaged) { try FATVolume(short.bytes).read(name) }
    var beyond = made([UInt8](repeating: 1, count: 2000), in: [3, 4, 6, 7])
    beyond.link(4, MadeFAT.clusters + 2)
    #expect(throws: FATError.damaged) { try FATVolume(beyond.bytes).read(name) }
  }

  @Test func moreThanFitsIsRefused() throws {
    var fat = made([1], in: [3])
    for cluster in 8..<MadeFAT.clusters + 2 { fat.link(cluster, 0xFFFF) }
    var volume = try FATVolume(fat.bytes)
    #expect(throws: FATError.full) { try volume.replace(name, with: [UInt8](repeating: 1, count: 5000)) }
    #expect(throws: FATError.fileTooLarge) { try volume.replace(name, with: [UInt8](repeating: 1, count: 65537)) }
    #expect(try volume.read(name) == [1])
  }

  @Test func otherKindsAreRefused() {
    #expect(throws: FATError.notFAT16) { try FATVolume([]) }
    #expect(throws: FATError.notFAT16) { try FATVolume([UInt8](repeating: 0xFF, count: 4096)) }
    // Fewer clusters are FAT12; and one that is cut off.
    var small = MadeFAT()
    DiskNumber.write(4000, &small.bytes, 19, 2)
    #expect(throws: FATError.notFAT16) { try FATVolume(small.bytes) }
    let whole = MadeFAT().bytes
    #expect(throws: FATError.notFAT16) { try FATVolume(Array(whole.dropLast(512))) }
  }

  /// Whatever stands there: an answer or an error.
  @Test func anyBytesAreSurvived() throws {
    var random = SeededGenerator(seed: 7)
    let fat = made([UInt8](repeating: 1, count: 3000), in: [3, 4, 6, 7, 8, 9]).bytes
    var refused = 0
    for _ in 0..<300 {
      var bytes = fat
      for _ in 0..<random.below(6) + 1 {
        let place =
          random.oneIn(2) ? random.below(64) : random.pick([512 + 6, MadeFAT.rootOffset + 64]) + random.below(160)
        bytes[place] = UInt8(truncatingIfNeeded: random.next())
      }
      do throws(FATError) {
        var volume = try FATVolume(bytes)
        try volume.replace(name, with: [UInt8](repeating: 2, count: random.below(6000)))
      } catch { refused += 1 }
    }
    #expect((1..<300).contains(refused))
  }
}
