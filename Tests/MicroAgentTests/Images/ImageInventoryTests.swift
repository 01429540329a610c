import Testing

@testable import MicroAgent

@Suite struct ImageInventoryTests {
  private static func key(_ number: UInt8) -> [UInt8] { [UInt8](repeating: number, count: 32) }

  private static func image(
    _ id: UInt64, _ name: String, layers: [UInt8], holder: UInt8 = 0, used: UInt64 = 0
  ) -> ImageRecord {
    ImageRecord(
      id: id, name: name, manifest: key(UInt8(100 + id)), holder: key(holder),
      layers: layers.map { ImageRecord.Layer(digest: key($0), sizeBytes: 10) }, defaults: ImageDefaults(),
      used: used, createdSeconds: 0)
  }

  @Test func aLayerGoesWithTheLastImageThatHasIt() {
    var inventory = ImageInventory([Self.image(1, "a:1", layers: [1, 2]), Self.image(2, "b:1", layers: [1, 3])])
    let first = inventory.remove(1)
    #expect(first == [Self.key(2)])
    #expect(inventory.layer(Self.key(1)) != nil && inventory.layer(Self.key(2)) == nil)
    let second = inventory.remove(2)
    let nothing = inventory.remove(2)
    #expect(second == [Self.key(1), Self.key(3)] && nothing == [])
  }

  @Test func whatWasUsedLeastLatelyGoesFirstAndWhatIsUsedNever() {
    var inventory = ImageInventory([
      Self.image(1, "a:1", layers: [1], used: 5), Self.image(2, "b:1", layers: [2], used: 3),
      Self.image(3, "c:1", layers: [3], used: 4),
    ])
    #expect(inventory.leastNeeded { _ in false }?.id == 2)
    #expect(inventory.leastNeeded { $0.id == 2 }?.id == 3)
    #expect(inventory.leastNeeded { _ in true } == nil)
    inventory.noteUse(of: 2)
    #expect(inventory.leastNeeded { _ in false }?.id == 3)
    // One whose name another has now is wanted by nobody.
    inventory.add(Self.image(inventory.takeID(), "a:1", layers: [4], used: 1))
    #expect(inventory.image(named: "a:1")?.id == 4 && inventory.leastNeeded { _ in false }?.id == 1)
  }

  @Test func aMemberHasItsOwnImagesOnly() {
    let inventory = ImageInventory([
      Self.image(1, "a:1", layers: [1], holder: 0), Self.image(2, "b:1", layers: [2, 3], holder: 7),
    ])
    let member = Principal(thumbprint: Self.key(7), role: .member)
    #expect(inventory.images(for: member).map { $0.id } == [2] && inventory.images(for: .owner).count == 2)
    #expect(inventory.image(manifest: Self.key(101), for: member) == nil)
    #expect(inventory.image(manifest: Self.key(102), for: member)?.id == 2)
    #expect(inventory.image(manifest: Self.key(102), for: .owner)?.id == 2)
    #expect(inventory.heldBytes(by: Self.key(7)) == 20)
  }

  @Test func whatSomebodyBringsIsCountedOnceAndAgainstItsRoom() throws {
    var underWay = BlobsUnderWay()
    let block = try blobBlock([1], of: 1)
    let answers = [0, 1, 0].map { underWay.begin(block, by: Self.key(7), leftBytes: $0)?.kind }
    #expect(answers == [.noRoom, nil, nil])
    #expect(underWay.bytes(of: Self.key(7)) == 1 && underWay.bytes(of: Self.key(8)) == 0)
    underWay.end(block.digest)
    #expect(underWay.bytes(of: Self.key(7)) == 0)
  }
}
