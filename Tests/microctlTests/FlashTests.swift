import CSystem
import LinuxSystem
import TestSupport
import Testing

@testable import microctl

private let mebibyte: UInt64 = 1 << 20

/// The first sector of a disk with these partitions, in MiB.
private func sector(_ partitions: [(type: UInt8, start: UInt64, size: UInt64)]) -> [UInt8] {
  var sector = [UInt8](repeating: 0, count: 512)
  for (index, partition) in partitions.enumerated() {
    let offset = 446 + index * 16
    sector[offset + 4] = partition.type
    DiskNumber.write(partition.start * 2048, &sector, offset + 8, 4)
    DiskNumber.write(partition.size * 2048, &sector, offset + 12, 4)
  }
  DiskNumber.write(0xAA55, &sector, 510, 2)
  return sector
}

struct PartitionTableTests {
  @Test func itIsReadAndItsLastPartitionGrows() throws {
    var bytes = sector([(0x0E, 1, 24), (0x83, 25, 8), (0x83, 33, 8), (0x83, 41, 4)])
    PartitionTable.growLast(in: &bytes, toEndOf: 100 * mebibyte + 700)
    let table = try #require(PartitionTable(bytes[...]))
    #expect(table.entries.map { $0.startBytes / mebibyte } == [1, 25, 33, 41])
    #expect(
      table.entries.map { $0.endBytes }
        == [25, 33, 41, 100].map { $0 * mebibyte }.map { $0 == 100 * mebibyte ? $0 + 512 : $0 })
  }

  @Test func whatNumbersOf32BitsCannotTellIsCutOff() throws {
    var bytes = sector([(0x0E, 1, 24), (0x83, 25, 8), (0x83, 33, 8), (0x83, 41, 4)])
    PartitionTable.growLast(in: &bytes, toEndOf: 1 << 50)
    #expect(try #require(PartitionTable(bytes[...])).entries[3].sizeBytes == UInt64(UInt32.max) * 512)
    // A disk that ends before the partition begins.
    PartitionTable.growLast(in: &bytes, toEndOf: mebibyte)
    #expect(try #require(PartitionTable(bytes[...])).entries[3].sizeBytes == 0)
  }

  @Test func aSectorWithoutTheMarkIsNone() {
    #expect(PartitionTable([UInt8](repeating: 0, count: 512)[...]) == nil)
    #expect(PartitionTable([0x55, 0xAA][...]) == nil)
  }
}

struct ConfigurationTextTests {
  private func putting(_ lines: [(String, String)], into text: String) -> String {
    let lines = lines.map { ConfigurationText.Line(name: $0.0, value: $0.1) }
    return String(decoding: ConfigurationText.putting(lines, into: Array(text.utf8)), as: UTF8.self)
  }

  @Test func aLineOfTheSameNameIsReplacedAndCommentsStay() {
    #expect(
      putting([("owner", "02"), ("zone", "x")], into: "# Yours\n#owner = me\nowner=01\nname = a\n  owner = 03\n")
        == "# Yours\n#owner = me\nowner = 02\nname = a\nzone = x\n")
  }

  @Test func aTextWithoutALastNewlineGetsOne() {
    #expect(putting([("zone", "x")], into: "name = a") == "name = a\nzone = x\n")
  }

  @Test func theEndsOfLinesStayAsTheyAre() {
    #expect(putting([("zone", "x")], into: "name = a\r\nzone = y\r\n") == "name = a\r\nzone = x\r\n")
  }

  @Test func aByteOrderMarkHidesNoSetting() {
    #expect(putting([("zone", "x")], into: "\u{FEFF}zone = y\n") == "zone = x\n")
  }
}

struct FlashSettingsTests {
  private func settings(_ options: String...) throws -> [String] {
    let words = ["flash", "--owner", "none"] + options + ["image", "device"]
    let arguments = try CommandLineParser.parse(words, verbs: allVerbs).arguments
    return try FlashSettings(arguments).lines.map { $0.text }
  }

  @Test func optionsBecomeSettings() throws {
    #expect(
      try settings("--microcloud", "gracia", "--gossip-key=AAAAAAAAAAAAAAAAAAAAAA==", "--set", "zone = the hill")
        == ["microcloud = gracia", "gossip-key = AAAAAAAAAAAAAAAAAAAAAA==", "zone = the hill"])
  }

  @Test func whatABoardWouldRefuseIsRefused() {
    for wrong in [
      ["--set", "zone"], ["--set", "wombat=1"], ["--set", "#zone=1"], ["--set", "zone=a\nname=b"],
      ["--microcloud", "a b"], ["--microcloud-key", "02"], ["--gossip-key", "AAAAAAAAAAAAAAAAAAAAAA=="],
      ["--set", "microcloud=a", "--microcloud=b"],
    ] {
      let words = ["flash", "--owner", "none"] + wrong + ["image", "device"]
      #expect(throws: Failure.self, "\(wrong)") {
        try FlashSettings(CommandLineParser.parse(words, verbs: allVerbs).arguments)
      }
    }
    #expect(throws: Failure.self) {
      try FlashSettings(CommandLineParser.parse(["flash", "--owner=me", "i", "d"], verbs: allVerbs).arguments)
    }
  }
}

struct FlashLayoutTests {
  private func head(_ table: [UInt8]) -> [UInt8] {
    var fat = MadeFAT()
    fat.add(short: "MICROA~1CON", long: "microagent.conf", content: Array("# Hello\n".utf8), in: [2])
    let front = table + [UInt8](repeating: 0, count: Int(mebibyte) - 512)
    return front + fat.bytes + [UInt8](repeating: 0, count: 3 * Int(mebibyte) - fat.bytes.count)
  }

  @Test func settingsGoInAndTheDataPartitionGrows() throws {
    let table = sector([(0x0E, 1, 3), (0x83, 4, 1), (0x83, 5, 1), (0x83, 6, 1)])
    #expect(FlashLayout.headBytes(firstSector: table[...]) == 4 * Int(mebibyte))
    var layout = try FlashLayout(head: head(table), imageBytes: 6 * mebibyte)
    #expect(layout.neededBytes == 38 * mebibyte)
    try layout.put([ConfigurationText.Line(name: "zone", value: "x")])
    layout.growData(toEndOf: 50 * mebibyte)
    #expect(try layout.boot.read("microagent.conf") == Array("# Hello\nzone = x\n".utf8))
    #expect(PartitionTable(layout.front[...])?.entries[3].endBytes == 50 * mebibyte)
  }

  @Test func whatIsNoImageIsRefused() throws {
    let three = sector([(0x0E, 1, 3), (0x83, 4, 1), (0x83, 5, 1)])
    let overlapping = sector([(0x0E, 1, 3), (0x83, 4, 2), (0x83, 5, 1), (0x83, 6, 1)])
    for table in [three, overlapping] {
      #expect(throws: FlashProblem.self) { try FlashLayout(head: head(table), imageBytes: 6 * mebibyte) }
    }
    let good = sector([(0x0E, 1, 3), (0x83, 4, 1), (0x83, 5, 1), (0x83, 6, 1)])
    #expect(throws: FlashProblem("it ends inside its systems")) {
      try FlashLayout(head: head(good), imageBytes: 6 * mebibyte - 1)
    }
    let blank = good + [UInt8](repeating: 0, count: 4 * Int(mebibyte) - 512)
    #expect(throws: FlashProblem.self) { try FlashLayout(head: blank, imageBytes: 6 * mebibyte) }
    let huge = sector([(0x0E, 1, 4096), (0x83, 4100, 1), (0x83, 5000, 1), (0x83, 6000, 1)])
    #expect(FlashLayout.headBytes(firstSector: huge[...]) == nil)
  }
}

/// A disk as /sys tells of it, in a folder.
struct DiskSurveyTests {
  private let folder = TemporaryDirectory()
  private var survey: DiskSurvey {
    DiskSurvey(sys: folder.path + "/sys", mountInfo: folder.path + "/mountinfo", swaps: folder.path + "/swaps")
  }

  init() throws {
    try Files.makeDirectories(folder.path + "/sys/dev/block")
    try put("mountinfo", "")
    try put("swaps", "Filename\tType\tSize\n")
    try device("sdb", "8:16", size: 8_000_000, "sdb")
    try put("sys/class/block/sdb/device/model", "Card Reader     \n")
    try device("sdb1", "8:17", size: 2048, "sdb/sdb1")
    try device("sdb2", "8:18", size: 4096, "sdb/sdb2")
    try device("dm-0", "253:0", size: 4096, "dm-0")
  }

  private func put(_ path: String, _ text: String) throws {
    let whole = folder.path + "/" + path
    try Files.makeDirectories(Files.directory(of: whole))
    try Files.remove(whole)
    try Files.createDurably(whole, Array(text.utf8), mode: 0o600)
  }

  /// A device, its directory where the kernel has it, and the links to it.
  private func device(_ name: String, _ number: String, size: Int, _ place: String) throws {
    try put("sys/block/\(place)/dev", number + "\n")
    try put("sys/block/\(place)/size", "\(size)\n")
    try put("sys/block/\(place)/ro", "0\n")
    try Files.makeDirectories("\(folder.path)/sys/block/\(place)/holders")
    try Files.makeDirectories("\(folder.path)/sys/class/block")
    if place != name {
      try put("sys/block/\(place)/partition", "1\n")
      try put("sys/block/\(place)/start", "2048\n")
    }
    try #require(system_symlink("../../block/\(place)", "\(folder.path)/sys/class/block/\(name)") == 0)
    try #require(system_symlink("../../block/\(place)", "\(folder.path)/sys/dev/block/\(number)") == 0)
  }

  private func refusal(neededBytes: UInt64 = 0) -> String? {
    survey.facts(major: 8, minor: 16)?.refusal(neededBytes: neededBytes)
  }

  @Test func aFreeDiskIsTaken() throws {
    let facts = try #require(survey.facts(major: 8, minor: 16))
    #expect(facts.name == "sdb" && facts.model == "Card Reader" && facts.sizeBytes == 8_000_000 * 512)
    #expect(facts.partitions.map { $0.name } == ["sdb1", "sdb2"])
    #expect(facts.partitions[0].startBytes == mebibyte && facts.partitions[0].sizeBytes == mebibyte)
    #expect(facts.refusal(neededBytes: 64 * mebibyte) == nil)
    #expect(survey.facts(major: 9, minor: 9) == nil)
  }

  @Test func aMountedPartitionIsRefused() throws {
    try put("mountinfo", "30 20 8:18 / /media/card rw,relatime shared:1 - ext4 /dev/sdb2 rw\n")
    #expect(refusal() == "sdb2 is mounted on /media/card: unmount what is on sdb and try again")
  }

  /// Btrfs gives its mounts a number of their own.
  @Test func aMountIsKnownByItsSource() throws {
    try put("mountinfo", "30 20 0:44 /home /mnt rw - btrfs /dev/sdb1 rw\n")
    #expect(refusal() == "sdb1 is mounted on /mnt: unmount what is on sdb and try again")
  }

  @Test func theSystemsDiskIsRefusedAlsoBelowAVolume() throws {
    try put("sys/block/sdb/sdb2/holders/dm-0", "")
    #expect(refusal() == "sdb2 is part of dm-0: unmount what is on sdb and try again")
    try put("mountinfo", "30 20 253:0 / / rw - ext4 /dev/mapper/root rw\n")
    #expect(refusal() == "sdb is the disk that this machine runs from")
  }

  @Test func swapSpaceIsRefused() throws {
    try put("swaps", "Filename\tType\tSize\n/dev/sdb1 partition 1000\n")
    #expect(refusal() == "sdb1 is swap space: unmount what is on sdb and try again")
  }

  @Test func aHolderOfItselfIsNotFollowedForEver() throws {
    try put("sys/block/sdb/holders/dm-0", "")
    try put("sys/block/dm-0/holders/dm-0", "")
    #expect(refusal()?.utf8.starts(with: "sdb is part of dm-0".utf8) == true)
  }

  @Test func aPartitionIsNoDisk() throws {
    let facts = try #require(survey.facts(major: 8, minor: 17))
    #expect(facts.refusal(neededBytes: 0) == "sdb1 is a partition: give the whole disk, /dev/sdb")
  }

  @Test func aSmallOneAndAProtectedOneAreRefused() throws {
    #expect(
      refusal(neededBytes: 4 << 30)
        == "sdb has 3906 MiB, and the image with its data needs 4096: take a larger one")
    try put("sys/block/sdb/ro", "1\n")
    #expect(refusal() == "sdb is write-protected: move the switch on the card, if it has one")
  }

  @Test func fileSystemsAreTold() {
    var fat = [UInt8](repeating: 0, count: 4096)
    fat.replaceSubrange(43..<54, with: Array("MICROAGENT ".utf8))
    fat.replaceSubrange(54..<62, with: Array("FAT16   ".utf8))
    #expect(FileSystemSignature.text(of: fat) == "FAT \"MICROAGENT\"")
    #expect(FileSystemSignature.text(of: [UInt8](repeating: 0, count: 4096)) == "")
    #expect(FileSystemSignature.text(of: []) == "")
  }
}
