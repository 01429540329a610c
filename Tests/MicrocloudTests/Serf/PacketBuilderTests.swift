import Testing

@testable import Microcloud

struct PacketBuilderTests {
  @Test func sendsOneMessageAlone() {
    var builder = PacketBuilder()
    #expect(builder.isEmpty)
    #expect(builder.finish() == nil)
    #expect(builder.add([8, 1, 2]) == true)
    #expect(builder.finish() == [8, 1, 2])
    #expect(builder.add([8, 3]) == true)
    #expect(builder.finish() == [7, 2, 0, 3, 0, 2, 8, 1, 2, 8, 3])
  }

  @Test(arguments: [false, true]) func fillsABudgetToTheByte(hasChecksum: Bool) throws {
    let budget = 100
    for size in 1...budget {
      var builder = PacketBuilder(budgetBytes: budget, hasChecksum: hasChecksum)
      var count = 0
      while builder.remainingBytes >= size {
        #expect(builder.add([UInt8](repeating: 8, count: size)) == true)
        count += 1
      }
      #expect(builder.add([UInt8](repeating: 8, count: size)) == false)
      guard let packet = builder.finish() else {
        #expect(hasChecksum && size > budget - 5)
        continue
      }
      #expect(packet.count <= budget)
      // Another one would not have fitted.
      let compoundBytes = 2 + 2 * (count + 1) + size * (count + 1) + (hasChecksum ? 5 : 0)
      #expect(compoundBytes > budget)
      #expect(try MemberlistPacket.decode(packet[...]).messages.count == count)
    }
  }

  @Test func fillsWhatRemains() {
    var builder = PacketBuilder(budgetBytes: 50)
    #expect(builder.add([8]) == true)
    #expect(builder.add([UInt8](repeating: 8, count: builder.remainingBytes)) == true)
    #expect(builder.remainingBytes == 0)
    #expect(builder.finish()?.count == 50)
  }

  @Test func holdsNoMoreThanACompoundCounts() throws {
    var builder = PacketBuilder(budgetBytes: 10_000)
    for _ in 0..<255 { #expect(builder.add([8, 0]) == true) }
    #expect(builder.remainingBytes == 0)
    #expect(builder.add([8, 0]) == false)
    #expect(try MemberlistPacket.decode(builder.finish()![...]).messages.count == 255)
  }

  @Test func refusesNothingAndTooMuch() {
    var builder = PacketBuilder(budgetBytes: 100_000)
    #expect(builder.add([]) == false)
    #expect(builder.add([UInt8](repeating: 8, count: 65_536)) == false)
    var small = PacketBuilder(budgetBytes: 3, hasChecksum: true)
    #expect(small.add([8]) == false)
  }
}
