import Basics

/// What is wrong with a FAT file system, or with what it is to take.
enum FATError: Error, Equatable {
  case notFAT16
  case damaged
  case noSuchFile
  case fileTooLarge
  case full

  /// As the end of a line that begins with what it is about.
  var problem: String {
    switch self {
    case .notFAT16: "it is no FAT16 file system"
    case .damaged: "its FAT file system is damaged"
    case .noSuchFile: "there is no such file in its FAT file system"
    case .fileTooLarge: "the file has more than \(FATVolume.maximumFileBytes) bytes"
    case .full: "its FAT file system is full"
    }
  }
}

/// A FAT16 file system in memory, with as much of it as it takes to replace what is in a small file of its root directory
/// (Microsoft's "FAT: General Overview of On-Disk Format", 1.03).
struct FATVolume {
  /// The largest file that is read or written.
  static let maximumFileBytes = 64 * 1024

  /// All of the file system.
  private(set) var bytes: [UInt8]
  private let clusterBytes: Int
  /// Where the allocation tables begin, all of which say the same.
  private let tables: [Int]
  private let rootOffset: Int
  private let rootEntries: Int
  private let dataOffset: Int
  private let clusterCount: Int

  private static let firstCluster = 2
  private static let entryBytes = 32
  /// By the number of clusters alone it is told what kind of FAT it is.
  private static let clusterCounts = 4085..<65525
  /// The least number that stands for the end of a file in the table.
  private static let endOfChain = 0xFFF8

  init(_ bytes: [UInt8]) throws(FATError) {
    let head = bytes.prefix(PartitionTable.sectorBytes)
    func field(_ offset: Int, _ count: Int) throws(FATError) -> Int {
      guard let number = DiskNumber.read(head, offset, count), let value = Int(exactly: number) else {
        throw .notFAT16
      }
      return value
    }
    let sectorBytes = try field(11, 2)
    let sectorsPerCluster = try field(13, 1)
    let reserved = try field(14, 2)
    let tableCount = try field(16, 1)
    rootEntries = try field(17, 2)
    let tableSectors = try field(22, 2)
    let small = try field(19, 2)
    let sectors = small > 0 ? small : try field(32, 4)
    guard try field(510, 2) == 0xAA55, [512, 1024, 2048, 4096].contains(sectorBytes), sectorsPerCluster > 0,
      sectorsPerCluster <= 128, reserved > 0, (1...4).contains(tableCount), tableSectors > 0, rootEntries > 0,
      sectors <= bytes.count / sectorBytes
    else { throw .notFAT16 }
    let rootSectors = (rootEntries * Self.entryBytes + sectorBytes - 1) / sectorBytes
    let dataSector = reserved + tableCount * tableSectors + rootSectors
    clusterBytes = sectorBytes * sectorsPerCluster
    rootOffset = (reserved + tableCount * tableSectors) * sectorBytes
    dataOffset = dataSector * sectorBytes
    clusterCount = max(0, sectors - dataSector) / sectorsPerCluster
    tables = (0..<tableCount).map { (reserved + $0 * tableSectors) * sectorBytes }
    guard Self.clusterCounts.contains(clusterCount),
      (clusterCount + Self.firstCluster) * 2 <= tableSectors * sectorBytes
    else { throw .notFAT16 }
    self.bytes = bytes
  }

  /// What a file in the root directory holds. Small and capital letters are the same.
  func read(_ name: String) throws(FATError) -> [UInt8] {
    let file = try find(name)
    let chain = try clusters(of: file)
    var content: [UInt8] = []
    for cluster in chain {
      let start = offset(of: cluster)
      content += bytes[start..<start + clusterBytes]
    }
    content.removeLast(content.count - file.sizeBytes)
    return content
  }

  /// Has a file of the root directory hold something else.
  mutating func replace(_ name: String, with content: [UInt8]) throws(FATError) {
    if content.count > Self.maximumFileBytes { throw .fileTooLarge }
    let file = try find(name)
    let old = try clusters(of: file)
    let needed = (content.count + clusterBytes - 1) / clusterBytes
    let chain = Array(old.prefix(needed)) + (try freeClusters(needed - old.count))
    for cluster in old.dropFirst(needed) { link(cluster, to: 0) }
    for (index, cluster) in chain.enumerated() {
      link(cluster, to: index + 1 < chain.count ? chain[index + 1] : 0xFFFF)
      let piece = content[index * clusterBytes..<min((index + 1) * clusterBytes, content.count)]
      let start = offset(of: cluster)
      bytes.replaceSubrange(
        start..<start + clusterBytes, with: piece + [UInt8](repeating: 0, count: clusterBytes - piece.count))
    }
    DiskNumber.write(UInt64(chain.first ?? 0), &bytes, file.entryOffset + 26, 2)
    DiskNumber.write(UInt64(content.count), &bytes, file.entryOffset + 28, 4)
  }

  // MARK: The root directory

  private struct File {
    let entryOffset: Int
    let firstCluster: Int
    let sizeBytes: Int
  }

  private func find(_ name: String) throws(FATError) -> File {
    var longName = FATLongName()
    for index in 0..<rootEntries {
      let offset = rootOffset + index * Self.entryBytes
      let entry = bytes[offset..<offset + Self.entryBytes]
      if entry.first == 0 { break }
      if longName.take(entry) { continue }
      let isFile = entry.first != FATLongName.deleted && bytes[offset + 11] & 0x18 == 0
      guard isFile, longName.names(entry, name) else { continue }
      guard let size = DiskNumber.read(entry, 28, 4), let cluster = DiskNumber.read(entry, 26, 2) else { break }
      if size > UInt64(Self.maximumFileBytes) { throw .fileTooLarge }
      return File(entryOffset: offset, firstCluster: Int(cluster), sizeBytes: Int(size))
    }
    throw .noSuchFile
  }

  // MARK: Clusters

  private func offset(of cluster: Int) -> Int {
    dataOffset + (cluster - Self.firstCluster) * clusterBytes
  }

  private var allClusters: Range<Int> { Self.firstCluster..<Self.firstCluster + clusterCount }

  private func next(after cluster: Int) -> Int {
    let offset = tables[0] + cluster * 2
    return Int(bytes[offset]) | Int(bytes[offset + 1]) << 8
  }

  private mutating func link(_ cluster: Int, to next: Int) {
    for table in tables { DiskNumber.write(UInt64(next), &bytes, table + cluster * 2, 2) }
  }

  /// A file's clusters in their order: just as many as its size needs.
  private func clusters(of file: File) throws(FATError) -> [Int] {
    let needed = (file.sizeBytes + clusterBytes - 1) / clusterBytes
    var chain: [Int] = []
    var cluster = file.firstCluster
    while chain.count < needed {
      guard allClusters.contains(cluster), !chain.contains(cluster) else { throw .damaged }
      chain.append(cluster)
      cluster = next(after: cluster)
    }
    guard needed == 0 ? cluster == 0 : cluster >= Self.endOfChain else { throw .damaged }
    return chain
  }

  private func freeClusters(_ count: Int) throws(FATError) -> [Int] {
    if count <= 0 { return [] }
    var found: [Int] = []
    for cluster in allClusters where next(after: cluster) == 0 {
      found.append(cluster)
      if found.count == count { return found }
    }
    throw .full
  }
}
