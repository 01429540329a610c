import TestSupport
import Testing

@testable import Microcloud

struct BZip2Tests {
  @Test func libbz2ReadsWhatWePack() throws {
    let inputs = Self.inputs(seed: 1, count: 120)
    let packed = inputs.map { BZip2.pack($0) }
    #expect(try PythonOracle.expanded(packed) == inputs)
    for (packed, input) in zip(packed, inputs) { #expect(try BZip2.expand(packed[...]) == input) }
  }

  @Test(arguments: [1, 9]) func weReadWhatLibbz2Packs(level: Int) throws {
    let inputs = Self.inputs(seed: 2, count: 120)
    let packed = try PythonOracle.packed(inputs, level: level)
    for (packed, input) in zip(packed, inputs) { #expect(try BZip2.expand(packed[...]) == input) }
    // Streams one after another are one text.
    for index in 1..<inputs.count {
      let both = packed[index - 1] + packed[index]
      #expect(try BZip2.expand(both[...]) == inputs[index - 1] + inputs[index])
    }
  }

  @Test func listsAreSmallerThanLibbz2Makes() throws {
    var generator = SeededGenerator(seed: 3)
    let lists = (0..<60).map { index -> [UInt8] in
      let services = [CloudyFixtures.agent()] + (0..<index % 15).map { _ in CloudyFixtures.realistic(&generator) }
      return ServicesTag.text(of: services)
    }
    let theirs = try PythonOracle.packed(lists)
    var (ours, customary) = (0, 0)
    for (list, their) in zip(lists, theirs) {
      let packed = BZip2.pack(list)
      #expect(packed.count <= their.count)
      ours += packed.count
      customary += their.count
    }
    #expect(ours * 100 < customary * 96, "\(ours) of \(customary) bytes")
  }

  /// What libbz2 refuses, we refuse; what both take is the same.
  @Test func believesNothingThatLibbz2DoesNot() throws {
    var generator = SeededGenerator(seed: 4)
    var inputs: [[UInt8]] = []
    for packed in try PythonOracle.packed(Self.inputs(seed: 5, count: 300)) {
      for _ in 0..<5 {
        var broken = packed
        for _ in 0...generator.below(3) {
          let place = generator.below(broken.count)
          switch generator.below(4) {
          case 0: broken[place] = UInt8(generator.below(256))
          case 1: broken.removeSubrange(max(1, place)...)
          // Behind the head.
          case 2: broken[min(broken.count - 1, 14 + generator.below(50))] ^= 1 << UInt8(generator.below(8))
          default: broken[place] ^= 1 << UInt8(generator.below(8))
          }
        }
        inputs.append(broken)
      }
    }
    let verdicts = try PythonOracle.expanded(inputs)
    var taken = 0
    for (input, verdict) in zip(inputs, verdicts) {
      guard let ours = try? BZip2.expand(input[...]) else { continue }
      taken += 1
      #expect(ours == verdict)
    }
    #expect(taken > 10)
  }

  @Test func checksAllChecksums() throws {
    let packed = BZip2.pack(Array("a list of services".utf8))
    for place in [10, 13, packed.count - 2] {
      var broken = packed
      broken[place] ^= 1
      #expect(throws: BZip2Error.checksum) { try BZip2.expand(broken[...]) }
    }
  }

  @Test func refusesWhatIsNotWhole() {
    let packed = BZip2.pack(Array("a list of services".utf8))
    for count in 0..<packed.count {
      #expect(throws: BZip2Error.truncated) { try BZip2.expand(packed.prefix(count)) }
    }
    #expect(throws: BZip2Error.notBZip2) { try BZip2.expand((packed + [0])[...]) }
    #expect(throws: BZip2Error.notBZip2) { try BZip2.expand(Array("BZ0h, and the rest".utf8)[...]) }
  }

  @Test func refusesRandomisedBlocks() {
    var packed = BZip2.pack(Array("a list of services".utf8))
    packed[14] |= 0x80
    #expect(throws: BZip2Error.randomised) { try BZip2.expand(packed[...]) }
  }

  @Test func endsAtTheLimit() throws {
    // 45 MB of zeros are 45 bytes, in one block.
    let bomb = try PythonOracle.ask(
      "import bz2\ndef answer(data): return bz2.compress(bytes(45_000_000))", [[]])[0]!
    #expect(throws: BZip2Error.tooLarge) { try BZip2.expand(bomb[...]) }
    var generator = SeededGenerator(seed: 6)
    let noise = (0..<2000).map { _ in UInt8(generator.below(256)) }
    for input in [noise, [UInt8](repeating: 7, count: 2000), Array("abcabd".utf8) + [UInt8](repeating: 1, count: 5)] {
      let packed = BZip2.pack(input)
      #expect(try BZip2.expand(packed[...], limit: input.count) == input)
      #expect(throws: BZip2Error.tooLarge) { try BZip2.expand(packed[...], limit: input.count - 1) }
      let twice = packed + packed
      #expect(throws: BZip2Error.tooLarge) { try BZip2.expand(twice[...], limit: input.count * 2 - 1) }
    }
    let most = [UInt8](repeating: 1, count: BZip2.maximumOutputBytes)
    let packed = try PythonOracle.packed([most, most + [1]])
    #expect(try BZip2.expand(packed[0][...]) == most)
    #expect(throws: BZip2Error.tooLarge) { try BZip2.expand(packed[1][...], limit: .max) }
  }

  /// Runs around the lengths at which they are written otherwise, repetitions, noise, and text.
  private static func inputs(seed: UInt64, count: Int) -> [[UInt8]] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { index in
      let size = generator.pick([0, 1, 2, 3, 4, 5, 49, 50, 51, 300, 1000])
      switch index % 6 {
      case 0: return generator.bytes(upTo: size)
      case 1: return [UInt8](repeating: UInt8(generator.below(256)), count: size)
      case 2:
        let part = generator.bytes(upTo: 9) + [1]
        return (0..<size).map { part[$0 % part.count] }
      case 3: return (0..<size).map { _ in UInt8(ascii: "a") + UInt8(generator.below(3)) }
      case 4:
        return (0..<size / 50).flatMap { _ in
          [UInt8](
            repeating: UInt8(generator.below(4)), count: generator.pick([1, 2, 3, 4, 5, 6, 255, 258, 259, 260, 261]))
        }
      default:
        return ServicesTag.text(of: (0..<generator.below(12)).map { _ in CloudyFixtures.realistic(&generator) })
      }
    }
  }
}
