import Basics
import TestSupport
import Testing

@testable import Microcloud

struct MicroagentEntryTests {
  @Test func isWordsThatReadAgain() {
    var entry = CloudyFixtures.entry
    #expect(entry.text == "coap=5683,isa=i586-nolock,key=00c1f3d29a7b4e60,mem=104,unclaimed")
    #expect(MicroagentEntry(text: entry.text) == entry)
    entry.isClaimed = true
    entry.isa = nil
    #expect(entry.text == "coap=5683,key=00c1f3d29a7b4e60,mem=104")
    #expect(MicroagentEntry(text: entry.text) == entry)
    for isa in [ISALevel.i586NoLock, .geode, .i686SSE2, .amd64] {
      let longest = MicroagentEntry(
        coapPort: .max, isa: isa, fingerprint: "zzzzzzzzzzzzzzzz", freeMemoryMiB: .max, isClaimed: false)
      #expect(MicroagentEntry(text: longest.text) == longest)
      #expect(CloudyText.cleaned(longest.text, maximumBytes: 80) == longest.text)
    }
  }

  @Test func readsOtherWords() {
    #expect(
      MicroagentEntry(text: "key=00C1F3D29A7B4E60,new,unclaimed,x=y=z,,mem=104,isa=i586-nolock,coap=5683")
        == CloudyFixtures.entry)
    let plain = MicroagentEntry(
      coapPort: 1, isa: nil, fingerprint: "0000000000000001", freeMemoryMiB: 0, isClaimed: true)
    #expect(MicroagentEntry(text: "coap=1,key=0000000000000001,isa=riscv,mem=-1") == plain)
    for text in [
      "", "coap=5683", "key=00c1f3d29a7b4e60", "coap=0,key=00c1f3d29a7b4e60", "coap=65536,key=00c1f3d29a7b4e60",
      "coap=1,key=00c1f3d29a7b4e6", "coap=1,key=00c1f3d29a7b4e6-", "coap,key",
    ] {
      #expect(MicroagentEntry(text: text) == nil, "\(text)")
    }
  }

  @Test func roundsMemory() {
    let mebibyte: UInt64 = 1 << 20
    for (mebibytes, rounded) in [(0, 0), (7, 0), (8, 8), (127, 120), (128, 128), (143, 128), (144, 144), (300, 288)] {
      #expect(CoarseMemory.rounded(bytes: UInt64(mebibytes) * mebibyte) == UInt32(rounded))
    }
    #expect(CoarseMemory.rounded(bytes: .max) == 0xF000_0000)
    // 104 stands for 104 to 112; within half a step around nothing changes.
    for (mebibytes, next) in [(104, 104), (111, 104), (115, 104), (116, 112), (100, 104), (99, 96), (0, 0), (500, 480)]
    {
      #expect(CoarseMemory.next(after: 104, bytes: UInt64(mebibytes) * mebibyte) == UInt32(next), "\(mebibytes)")
    }
    #expect(CoarseMemory.next(after: 128, bytes: 124 * mebibyte) == 128)
    #expect(CoarseMemory.next(after: 128, bytes: 123 * mebibyte) == 120)
    #expect(CoarseMemory.next(after: 0xF000_0000, bytes: .max) == 0xF000_0000)
  }
}
