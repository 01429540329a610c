import Testing

@testable import Images

private func entry(
  _ path: String, _ kind: TarEntry.Kind = .file, size: UInt64 = 0, user: UInt32 = 0, device: (UInt32, UInt32) = (1, 3),
  attributes: [(String, [UInt8])] = []
) -> TarEntry {
  TarEntry(
    kind: kind, path: Array(path.utf8), linkTarget: [], mode: 0o644, user: user, group: user, sizeBytes: size,
    modified: TarTime(seconds: 0), deviceMajor: device.0, deviceMinor: device.1,
    attributes: attributes.map { TarEntry.Attribute(name: Array($0.0.utf8), value: $0.1) })
}

private func plan(firstHostID: UInt32 = 0, bytes: UInt64 = 1000, entries: UInt32 = 10) -> LayerPlan {
  LayerPlan(owners: LayerOwners(firstHostID: firstHostID), limits: LayerLimits(bytes: bytes, entries: entries))
}

private func step(_ entry: TarEntry, firstHostID: UInt32 = 0) throws(LayerError) -> LayerStep {
  var plan = plan(firstHostID: firstHostID)
  return try plan.step(for: entry)
}

private func made(_ entry: TarEntry, firstHostID: UInt32 = 0) throws -> TarEntry {
  guard case .make(let made) = try step(entry, firstHostID: firstHostID) else { throw NotMade() }
  return made
}

private struct NotMade: Error {}

struct LayerPlanTests {
  @Test(arguments: [
    (".wh.a", "a"), ("d/.wh.a", "d/a"), ("d/e/.wh..hidden", "d/e/.hidden"), ("d/.wh....", "d/..."), (".wh.wh", "wh"),
  ])
  func whiteoutsHideTheirName(_ path: String, _ hidden: String) throws {
    #expect(try step(entry(path)) == .whiteout(Array(hidden.utf8)))
  }

  @Test(arguments: [("d/.wh..wh..opq", "d"), (".wh..wh..opq", ""), ("a/b/.wh..wh..opq", "a/b")])
  func opaqueMarkersHideWhatIsBelow(_ path: String, _ directory: String) throws {
    #expect(try step(entry(path)) == .opaque(Array(directory.utf8)))
  }

  @Test(arguments: [".wh.", "d/.wh.", "d/.wh..", "d/.wh...", "d/.wh.x/y", ".wh./y"])
  func refusesWhiteoutsOfNoName(_ path: String) {
    #expect(throws: LayerError(.invalidWhiteout, Array(path.utf8))) { try step(entry(path)) }
  }

  @Test(arguments: [".wh..wh.plnk", ".wh..wh.aufs", ".wh..wh.plnk/1.2", "d/.wh..wh.orph/x"])
  func passesOverWhatIsOfAUFS(_ path: String) throws {
    #expect(try step(entry(path)) == .skip)
  }

  @Test func passesOverDevicesAndCountsThem() throws {
    var plan = plan()
    #expect(try plan.step(for: entry("dev/null", .characterDevice)) == .skip)
    #expect(try plan.step(for: entry("dev/sda", .blockDevice, device: (0, 0))) == .skip)
    #expect(try plan.step(for: entry("gone", .characterDevice, device: (0, 0))) == .whiteout(Array("gone".utf8)))
    #expect(plan.entries == 3)
    #expect(plan.skipped == 2)
  }

  @Test func shiftsOwners() throws {
    #expect(try made(entry("a", user: 1000), firstHostID: 100_000).user == 101_000)
    #expect(try made(entry("a", user: 65_535), firstHostID: 100_000).group == 165_535)
    #expect(try made(entry("a", user: 70_000)).user == 70_000)
    #expect(throws: LayerError(.foreignOwner(65_536), Array("a".utf8))) {
      try step(entry("a", user: 65_536), firstHostID: 100_000)
    }
  }

  @Test func keepsTheAttributesThatAreTheContainersBusiness() throws {
    let value: [UInt8] = [1]
    let names = [
      "user.a", "user.overlay.opaque", "user.microagent.needs", "trusted.overlay.opaque", "system.posix_acl_access",
      "security.selinux",
    ]
    let all = names.map { ($0, value) }
    func kept(_ kind: TarEntry.Kind) throws -> [String] {
      try made(entry("a", kind, attributes: all)).attributes.map { String(decoding: $0.name, as: UTF8.self) }
    }
    #expect(try kept(.file) == ["user.a"])
    #expect(try kept(.directory) == ["user.a"])
    #expect(try kept(.symbolicLink) == [])
  }

  private static let masks = [UInt8](repeating: 0x11, count: 16)

  @Test(
    arguments: [
      ([1, 0, 0, 2] + masks, 0, [1, 0, 0, 2] + masks),
      ([1, 0, 0, 2] + masks, 100_000, [1, 0, 0, 3] + masks + [0xA0, 0x86, 1, 0]),
      ([0, 0, 0, 3] + masks + [0, 0, 0, 0], 0, [0, 0, 0, 2] + masks),
      ([0, 0, 0, 3] + masks + [0xE8, 3, 0, 0], 0, [0, 0, 0, 3] + masks + [0xE8, 3, 0, 0]),
      ([0, 0, 0, 3] + masks + [1, 0, 0, 0], 100_000, [0, 0, 0, 3] + masks + [0xA1, 0x86, 1, 0]),
      ([0, 0, 0, 3] + masks + [0, 0, 1, 0], 100_000, nil),
      ([0, 0, 0, 1] + masks, 0, nil),
      ([1, 0, 0, 2], 0, nil),
      ([], 0, nil),
    ] as [([UInt8], UInt32, [UInt8]?)])
  func fileCapabilitiesAreOfTheContainersRoot(_ value: [UInt8], _ firstHostID: UInt32, _ shifted: [UInt8]?) throws {
    let entry = entry("a", attributes: [("security.capability", value)])
    #expect(try made(entry, firstHostID: firstHostID).attributes.first?.value == shifted)
  }

  @Test func limitsEntries() throws {
    var plan = plan(entries: 2)
    _ = try plan.step(for: entry("a"))
    _ = try plan.step(for: entry("a"))
    #expect(throws: LayerError(.tooManyEntries(limit: 2), Array("b".utf8))) { try plan.step(for: entry("b")) }
  }

  /// Found by fuzzing: an entry deep below nothing makes as many directories as its path has parts.
  @Test func directoriesThatNoEntrySpeaksOfCountAsEntries() throws {
    var plan = plan(bytes: 2000, entries: 3)
    _ = try plan.step(for: entry("a/b/c"))
    try plan.note(unnamedDirectories: 2, at: Array("a/b/c".utf8))
    #expect(throws: LayerError(.tooManyEntries(limit: 3), Array("d".utf8))) { try plan.step(for: entry("d")) }
    #expect(throws: LayerError(.tooManyEntries(limit: 3), Array("a/b/c".utf8))) {
      try plan.note(unnamedDirectories: 3, at: Array("a/b/c".utf8))
    }
    #expect(plan.entries == 1)
    var small = LayerPlan(owners: plan.owners, limits: LayerLimits(bytes: 1023, entries: 9))
    try small.note(unnamedDirectories: 1, at: [])
    #expect(throws: LayerError(.tooLarge(limitBytes: 1023), [])) { try small.note(unnamedDirectories: 2, at: []) }
  }

  @Test func limitsWhatFilesClaimTogether() throws {
    var plan = plan(bytes: 100)
    _ = try plan.step(for: entry("a", size: 60))
    #expect(throws: LayerError(.tooLarge(limitBytes: 100), Array("b".utf8))) {
      try plan.step(for: entry("b", size: 41))
    }
    _ = try plan.step(for: entry("c", size: 40))
    #expect(throws: LayerError.self) { try plan.step(for: entry("d", size: .max)) }
  }

  @Test func showsNamesThatNoTerminalObeys() {
    let error = LayerError(.invalidWhiteout, Array("a\u{1B}[2J".utf8))
    #expect(error.description == "a?[2J: a whiteout of no name: the image is damaged")
  }
}
