import Images
import TestSupport
import Testing

/// Everything that a reader tells, with each entry's data joined.
private struct Reading: Equatable {
  var entries: [TarEntry] = []
  var data: [[UInt8]] = []
}

private func read(_ bytes: [UInt8], pieces: Int = .max) throws(TarError) -> Reading {
  var reader = TarReader()
  var reading = Reading()
  var rest = bytes[...]
  while !rest.isEmpty {
    var piece = rest.prefix(pieces)
    rest = rest.dropFirst(piece.count)
    while let event = try reader.next(&piece) {
      switch event {
      case .entry(let entry):
        reading.entries.append(entry)
        reading.data.append([])
      case .data(let bytes): reading.data[reading.data.count - 1] += bytes
      }
    }
    precondition(piece.isEmpty)
  }
  try reader.finish()
  return reading
}

private func reason(_ build: (inout Archive) -> Void) -> TarError.Reason? {
  var archive = Archive()
  build(&archive)
  do throws(TarError) {
    _ = try read(archive.bytes)
    return nil
  } catch {
    return error.reason
  }
}

private func entries(_ build: (inout Archive) -> Void) throws -> [TarEntry] {
  var archive = Archive()
  build(&archive)
  return try read(archive.bytes).entries
}

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

struct TarTests {
  @Test func readsEachKind() throws {
    let entries = try entries {
      $0.add("d/", "5", mode: 0o1777)
      $0.add("d/f", data: Array("hello".utf8), mode: 0o4755, user: 1000)
      $0.add("d/h", "1", link: "/d/./f")
      $0.add("d/s", "2", link: "../../x")
      $0.add("c", "3", device: (5, 1))
      $0.add("b", "4", device: (8, 16))
      $0.add("p", "6")
      $0.end()
    }
    #expect(
      entries.map(\.kind) == [.directory, .file, .hardLink, .symbolicLink, .characterDevice, .blockDevice, .fifo])
    #expect(entries.map { text($0.path) } == ["d", "d/f", "d/h", "d/s", "c", "b", "p"])
    #expect(entries[0].mode == 0o1777)
    #expect(entries[1].mode == 0o4755 && entries[1].user == 1000 && entries[1].sizeBytes == 5)
    #expect(text(entries[2].linkTarget) == "d/f")
    #expect(text(entries[3].linkTarget) == "../../x")
    #expect(entries[4].deviceMajor == 5 && entries[4].deviceMinor == 1)
    #expect(entries[5].deviceMajor == 8 && entries[5].deviceMinor == 16)
  }

  @Test func tellsTheSameHoweverTheBytesAreCut() throws {
    var archive = Archive()
    archive.addPax([("path", String(repeating: "long/", count: 60) + "x"), ("SCHILY.xattr.user.a", "\0b\n")])
    archive.add("short", data: (0..<1500).map { UInt8(truncatingIfNeeded: $0) })
    archive.add("L", "L", data: Array(repeating: 0x61, count: 200) + [0], magic: "ustar  \0")
    archive.add("cut", "5", magic: "ustar  \0")
    archive.add("whole", data: [UInt8](repeating: 7, count: 512))
    archive.end()
    let whole = try read(archive.bytes)
    #expect(whole.entries.count == 3)
    #expect(whole.data[0].count == 1500)
    for pieces in [1, 2, 7, 511, 512, 513, 1000] {
      #expect(try read(archive.bytes, pieces: pieces) == whole)
    }
  }

  @Test func sayThatAnArchiveIsCut() throws {
    var archive = Archive()
    archive.addPax([("path", "p/q")])
    archive.add("x", data: [1, 2, 3])
    archive.add("y", "5")
    let boundaries = [0, 4 * 512 - 512 + 512, archive.bytes.count]
    for count in 0...archive.bytes.count {
      let part = Array(archive.bytes[..<count])
      if boundaries.contains(count) {
        #expect(throws: Never.self) { try read(part) }
      } else {
        #expect(throws: TarError.self) { try read(part) }
      }
    }
  }

  @Test(arguments: ["", "/", "./", ".//"])
  func theTopDirectoryIsAnEmptyPath(_ name: String) throws {
    if name.isEmpty {
      #expect(reason { $0.add("", "5") } == .emptyName)
    } else {
      #expect(try entries { $0.add(name, "5") }[0].path.isEmpty)
    }
    #expect(reason { $0.add(name, "2", link: "x") } == .emptyName)
  }

  @Test(arguments: [
    ("a", "a"), ("/a", "a"), ("//a//b", "a/b"), ("./a/./b", "a/b"), ("a/b/.", "a/b"), ("...", "..."),
    ("..a/b..", "..a/b.."),
    ("/././/x", "x"),
  ])
  func normalizesNames(_ name: String, _ path: String) throws {
    #expect(text(try entries { $0.add(name) }[0].path) == path)
  }

  @Test(arguments: ["..", "../a", "a/..", "a/../b", "/..", "./../a", "a/b/../../../c"])
  func refusesNamesThatLeadOut(_ name: String) {
    #expect(reason { $0.add(name) } == .parentName)
    #expect(reason { $0.add("a", "1", link: name) } == .parentName)
    #expect(
      reason {
        $0.addPax([("path", name)])
        $0.add("a")
      } == .parentName)
  }

  @Test func limitsNames() {
    func long(_ name: String) -> TarError.Reason? {
      reason {
        $0.addPax([("path", name)])
        $0.add("x")
      }
    }
    #expect(long(String(repeating: "n", count: 255)) == nil)
    #expect(long(String(repeating: "n", count: 256)) == .nameTooLong)
    #expect(long(String(repeating: "n/", count: 2047) + "n") == nil)
    #expect(long(String(repeating: "n/", count: 2048) + "n") == .nameTooLong)
    #expect(long("a\0b") == .zeroByteInName)
    #expect(reason { $0.add("a", "1", link: "") } == .emptyName)
    #expect(reason { $0.add("a", "1", link: "/") } == .invalidLink)
    #expect(reason { $0.add("a", "2", link: "") } == .invalidLink)
  }

  @Test func joinsThePrefixOfUstarButNotOfGNU() throws {
    let read = try entries {
      $0.add("name", prefix: "some/where")
      $0.add("name", magic: "ustar  \0", prefix: "some/where")
    }
    #expect(read.map { text($0.path) } == ["some/where/name", "name"])
  }

  @Test func readsTheSeventhUnix() throws {
    let read = try entries {
      $0.add("dir/", "\0", magic: "")
      $0.add("file", "\0", data: [1], magic: "")
    }
    #expect(read.map(\.kind) == [.directory, .file])
  }

  @Test func paxSaysMoreThanTheHeader() throws {
    let read = try entries {
      $0.addPax([
        ("path", "true/name"), ("uid", "70000"), ("gid", "4294967294"), ("mtime", "1700000000.25"), ("size", "3"),
        ("comment", "nobody reads this"), ("SCHILY.xattr.user.b", "1"), ("SCHILY.xattr.user.b", "a=b\0c"),
      ])
      $0.add("false", data: [1, 2, 3], size: Archive.octal(9, 12))
      $0.addPax([("linkpath", "./elsewhere")])
      $0.add("s", "2", link: "here")
      $0.add("plain")
    }
    #expect(text(read[0].path) == "true/name")
    #expect(read[0].user == 70000 && read[0].group == 4_294_967_294 && read[0].sizeBytes == 3)
    #expect(read[0].modified == TarTime(seconds: 1_700_000_000, nanoseconds: 250_000_000))
    #expect(read[0].attributes.map { text($0.name) } == ["user.b"])
    #expect(text(read[0].attributes[0].value) == "a=b\0c")
    #expect(text(read[1].linkTarget) == "./elsewhere")
    #expect(read[2].user == 0 && read[2].attributes.isEmpty)
  }

  @Test func aGlobalHeaderHoldsUntilSomethingElseIsSaid() throws {
    let read = try entries {
      $0.addPax([("uid", "7"), ("mtime", "5")], flag: "g")
      $0.add("a")
      $0.addPax([("uid", "8")])
      $0.add("b")
      $0.addPax([("uid", "")])
      $0.add("c", user: 3)
      $0.add("d")
    }
    #expect(read.map(\.user) == [7, 8, 3, 7])
    #expect(read.map(\.modified.seconds) == [5, 5, 5, 5])
  }

  @Test(arguments: [
    ("1.5", TarTime(seconds: 1, nanoseconds: 500_000_000)), ("-1.5", TarTime(seconds: -2, nanoseconds: 500_000_000)),
    ("-3", TarTime(seconds: -3)), ("1.1234567899", TarTime(seconds: 1, nanoseconds: 123_456_789)),
    ("2.", TarTime(seconds: 2)),
    ("0", TarTime(seconds: 0)),
  ])
  func readsTimes(_ spelled: String, _ time: TarTime) throws {
    #expect(
      try entries {
        $0.addPax([("mtime", spelled)])
        $0.add("a")
      }[0].modified == time)
  }

  @Test(arguments: [
    ("uid", "-1"), ("uid", "4294967295"), ("gid", "x"), ("size", "1099511627777"), ("size", "99999999999999999999"),
    ("mtime", "1.2.3"), ("mtime", "1e9"), ("mtime", ".5"), ("mtime", "9223372036854775808"), ("mtime", "1.x"),
  ])
  func refusesNumbersOfPaxThatAreNone(_ key: String, _ value: String) {
    #expect(
      reason {
        $0.addPax([(key, value)])
        $0.add("a")
      } == .invalidNumber)
  }

  @Test(arguments: [
    "", "x", "5 a=b", "7 a=b\n", "5 a=b\nx", "0 a=b\n", "6 =bc\n", "5 abc\n", "6 a=b\n", "2 \n", "-6 a=b\n",
  ])
  func refusesRecordsOfPaxThatAreNone(_ data: String) {
    let isRight = data == "6 a=b\n"
    let found = reason {
      $0.add("x", "x", data: Array(data.utf8))
      $0.add("a")
    }
    #expect(found == (isRight ? nil : .invalidExtension))
  }

  @Test func limitsExtensions() {
    #expect(reason { $0.add("x", "x", size: Archive.octal(64 * 1024 + 1, 12)) } == .extensionTooLong)
    #expect(reason { $0.add("x", "L", size: Archive.octal(64 * 1024 + 1, 12)) } == .extensionTooLong)
    func attributes(_ count: Int) -> TarError.Reason? {
      reason {
        $0.addPax((0..<count).map { ("SCHILY.xattr.user.\($0)", "v") })
        $0.add("a")
      }
    }
    #expect(attributes(32) == nil)
    #expect(attributes(33) == .tooManyAttributes)
  }

  @Test func readsLargeNumbersOfGNU() throws {
    let read = try entries {
      $0.add("a", data: [9], size: [0x80] + [UInt8](repeating: 0, count: 10) + [1])
      $0.add("b", modified: [UInt8](repeating: 0xFF, count: 12))
      $0.add("c", modified: [0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0])
    }
    #expect(read[0].sizeBytes == 1)
    #expect(read[1].modified.seconds == -1)
    #expect(read[2].modified.seconds == 1 << 32)
    #expect(reason { $0.add("a", size: [UInt8](repeating: 0xFF, count: 12)) } == .invalidNumber)
    #expect(reason { $0.add("a", size: [0x80, 1] + [UInt8](repeating: 0, count: 10)) } == .invalidNumber)
    #expect(reason { $0.add("a", size: Array("00000000008\0".utf8)) } == .invalidNumber)
  }

  @Test func takesBothKindsOfChecksums() throws {
    // 0xE9 counts less with sign.
    #expect(throws: Never.self) { try entries { $0.add("caf\u{e9}") } }
    #expect(throws: Never.self) { try entries { $0.add("caf\u{e9}", signedChecksum: true) } }
  }

  @Test func findsEveryChangedByteOfAHeader() {
    var archive = Archive()
    archive.add("some/name", data: [1], link: "x")
    // The last byte of the checksum's field is a blank that may be another one.
    for index in 0..<512 where index != 155 {
      var changed = archive.bytes
      changed[index] ^= 1
      #expect(throws: TarError.self) { try read(changed) }
    }
  }

  @Test func refusesWhatOnlySomeUnderstand() {
    #expect(reason { $0.add("a", "S") } == .sparse)
    #expect(
      reason {
        $0.addPax([("GNU.sparse.major", "1")])
        $0.add("a")
      } == .sparse)
    for flag in "DMNVX8Z" { #expect(reason { $0.add("a", flag) } == .unknownKind) }
    #expect(
      reason {
        $0.add("a")
        $0.bytes += [UInt8](repeating: 0, count: 512)
        $0.add("b")
      } == .bytesAfterEnd)
  }

  @Test func whatFollowsTheEndIsPassedOver() throws {
    let read = try entries {
      $0.add("a")
      $0.end()
      $0.bytes += [UInt8](repeating: 0x5A, count: 700)
    }
    #expect(read.count == 1)
  }

  @Test func passesOverData() throws {
    var archive = Archive()
    archive.add("a", data: [UInt8](repeating: 1, count: 700))
    archive.add("empty")
    archive.add("b", data: [5])
    archive.end()
    var reader = TarReader()
    var offset = 0
    var names: [String] = []
    var places: [UInt64] = []
    while offset < archive.bytes.count {
      var piece = archive.bytes[offset..<min(offset + 512, archive.bytes.count)]
      guard case .entry(let entry)? = try reader.next(&piece) else {
        offset = piece.startIndex
        continue
      }
      names.append(text(entry.path))
      places.append(reader.position)
      offset = piece.startIndex + Int(reader.passOverData())
      #expect(reader.position == UInt64(offset))
    }
    try reader.finish()
    #expect(names == ["a", "empty", "b"])
    #expect(places == [512, 2048, 2560])
  }

  @Test func saysWhichEntry() {
    var archive = Archive()
    archive.add("a", data: [1])
    archive.add("..")
    #expect(throws: TarError(.parentName, offset: 1024)) { try read(archive.bytes) }
  }

  @Test func neverTrapsOnDamagedArchives() {
    var archive = Archive()
    archive.addPax([("path", "p/q"), ("mtime", "1.5"), ("SCHILY.xattr.user.a", "b")])
    archive.add("x", data: [1, 2, 3])
    archive.add("y", "1", link: "p/q")
    archive.end()
    var random = SeededGenerator(seed: 11)
    for _ in 0..<3000 {
      var damaged = archive.bytes
      for _ in 0...random.below(3) {
        damaged[random.below(damaged.count)] = UInt8(truncatingIfNeeded: random.next())
      }
      _ = try? read(damaged, pieces: 1 + random.below(600))
    }
  }
}
