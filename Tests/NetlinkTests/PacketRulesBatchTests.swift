import Basics
import Testing

@testable import Netlink

/// The bytes of annotated hexadecimal: what stands behind a `;` is for people.
func bytes(_ text: String) -> [UInt8] {
  let digits = text.split(separator: "\n").map { $0.split(separator: ";", omittingEmptySubsequences: false)[0] }
  let words = digits.joined(separator: " ").split(separator: " ").joined()
  return stride(from: 0, to: words.count, by: 2).map { place in
    let start = words.index(words.startIndex, offsetBy: place)
    return UInt8(words[start..<words.index(start, offsetBy: 2)], radix: 16)!
  }
}

/// Numbers and names as linux/netfilter/nf_tables.h has them, the attributes' values as nft 1.0.6 sends them.
@Suite struct PacketRulesBatchTests {
  private static let rule = PacketRule("why", [.transport(17), .portOne(ofSet: "s")], .accept)

  private func rules(_ sets: [PacketSet], _ chains: [PacketChain]) -> PacketRules {
    var rules = PacketRules(table: "t")
    (rules.sets, rules.chains) = (sets, chains)
    return rules
  }

  @Test func replacesATableInOneTransaction() {
    let chain = PacketChain("c", at: .output, drops: true, [Self.rule])
    let batch = PacketRulesBatch(replacing: [rules([PacketSet("s", .ports([53]))], [chain])])
    #expect(
      batch.bytes
        == bytes(
          """
          14000000 1000 0100 00000000 00000000 00 00 000a   ; NFNL_MSG_BATCH_BEGIN for nf_tables
          1c000000 000a 0504 01000000 00000000 01 00 0000   ; NFT_MSG_NEWTABLE: request, acknowledge, create; inet
            0600 0100 7400 0000                             ; "t"
          1c000000 020a 0504 02000000 00000000 01 00 0000   ; NFT_MSG_DELTABLE
            0600 0100 7400 0000
          1c000000 000a 0504 03000000 00000000 01 00 0000   ; NFT_MSG_NEWTABLE
            0600 0100 7400 0000
          48000000 090a 0504 04000000 00000000 01 00 0000   ; NFT_MSG_NEWSET
            0600 0100 7400 0000
            0600 0200 7300 0000                             ; "s"
            0800 0400 0000000d 0800 0500 00000002           ; values are ports, of two bytes
            0800 0a00 00000001                              ; number in this batch
            0a00 0d00 000402000000 0000                     ; for nft: the big end first
          38000000 0c0a 0504 05000000 00000000 01 00 0000   ; NFT_MSG_NEWSETELEM
            0600 0100 7400 0000 0600 0200 7300 0000
            1400 0380 1000 0180 0c00 0180                   ; list, element, key
            0600 0100 0035 0000                             ; 53
          4c000000 030a 0504 06000000 00000000 01 00 0000   ; NFT_MSG_NEWCHAIN
            0600 0100 7400 0000 0600 0300 6300 0000         ; "c"
            1400 0480 0800 0100 00000003 0800 0200 00000000 ; NF_INET_LOCAL_OUT, NF_IP_PRI_FILTER
            0800 0500 00000000                              ; policy: NF_DROP
            0b00 0700 66696c74657200 00                     ; "filter"
          0c010000 060a 050c 07000000 00000000 01 00 0000   ; NFT_MSG_NEWRULE: also append
            0600 0100 7400 0000 0600 0200 6300 0000
            dc00 0480                                       ; expressions
              2400 0180 0900 0100 6d65746100 000000         ; "meta"
                1400 0280 0800 0100 00000001 0800 0200 00000010 ; into register 1: NFT_META_L4PROTO
              2c00 0180 0800 0100 636d7000                  ; "cmp"
                2000 0280 0800 0100 00000001 0800 0200 00000000 ; register 1: NFT_CMP_EQ
                0c00 0380 0500 0100 11 000000               ; UDP
              3400 0180 0c00 0100 7061796c6f616400          ; "payload"
                2400 0280 0800 0100 00000001 0800 0200 00000002 ; into register 1, of the transport header,
                0800 0300 00000002 0800 0400 00000002       ; from byte 2, two bytes
              2400 0180 0b00 0100 6c6f6f6b757000 00         ; "lookup"
                1400 0280 0600 0100 7300 0000 0800 0200 00000001 ; "s", register 1
              3000 0180 0e00 0100 696d6d65646961746500 0000 ; "immediate"
                1c00 0280 0800 0100 00000000 1000 0280      ; into the verdict's register,
                0c00 0280 0800 0100 00000001                ; a verdict: NF_ACCEPT
            0a00 0700 0004 77687900 0000                    ; a comment: "why"
          14000000 1100 0100 08000000 00000000 00 00 000a   ; NFNL_MSG_BATCH_END
          """))
    #expect(batch.lastSequence == 7)
    let subjects = ["set s", "chain c", "rule \"why\" of chain c", "table t", "t"]
    #expect((0...9).map { batch.subject($0) }.suffix(5) == subjects)
  }

  /// A rule's expressions, one after the other, by name and bytes.
  private func expressions(_ matches: [PacketMatch], _ verdict: PacketVerdict) -> [String] {
    var expressions = PacketExpressions()
    for match in matches { expressions.add(match) }
    expressions.add(verdict)
    var (rest, found): (ArraySlice<UInt8>, [String]) = (expressions.bytes[...], [])
    while let (_, element) = rest.popNetlinkAttribute() {
      let name = ASCII.string((element.netlinkAttribute(1) ?? []).dropLast())
      found.append(name + " " + Hexadecimal.text(Array(element.netlinkAttribute(2) ?? [])))
    }
    return found
  }

  @Test func matchesAreWhatNftSends() {
    #expect(
      expressions([.known, .sender(100_000...165_535)], .jump("d")) == [
        "ct 08000100000000010800020000000000",
        "bitwise 080001000000000108000200000000010800030000000004"
          + "0c000480080001000600000" + "00c0005800800010000000000",
        "cmp 080001000000000108000200000000010c0003800800010000000000",
        "meta 0800010000000001080002000000000a",
        "byteorder 08000100000000010800020000000001080003000000000108000400000000040800050000000004",
        "range 080001000000000108000200000000000c000380080001000001" + "86a00c0004800800010000" + "02869f",
        "immediate 0800010000000000180002801400028008000100fffffffd0600020064000000",
      ])
    #expect(
      expressions([.destination(.v4(0xC0A8_4D01), prefixBits: 23)], .reject) == [
        "meta 0800010000000001080002000000000f",
        "cmp 080001000000000108000200000000000c0003800500010002000000",
        "payload 0800010000000001080002000000000108000300000000100800040000000004",
        "bitwise 080001000000000108000200000000010800030000000004"
          + "0c00048008000100fffffe000c0005800800010000000000",
        "cmp 080001000000000108000200000000000c00038008000100c0a84c00", "counter ",
        "reject 08000100000000020500020003000000",
      ])
    #expect(
      expressions([.toNone(ofSet: "i"), .to("eth0")], .masquerade) == [
        "meta 08000100000000010800020000000007",
        "lookup 060001006900000008000200000000010800050000000001",
        "meta 08000100000000010800020000000007",
        "cmp 080001000000000108000200000000001800038014000100" + "65746830000000000000000000000000",
        "masq ",
      ])
    #expect(expressions([.notDestination(.loopbackV6)], .drop).count == 6)
  }

  @Test func longNamesAndManyElementsStayWithinTheirLimits() {
    #expect(PacketExpressions.interface("a-name-that-is-too-long") == Array("a-name-that-is-".utf8) + [0])
    let ports = PacketSet("s", .ports((0...UInt16.max).map { $0 }))
    var rest = PacketRulesBatch(replacing: [rules([ports], [])]).bytes[...]
    var lengths: [Int] = []
    while let message = rest.popNetlinkMessage() { lengths.append(message.body.count) }
    #expect(rest.isEmpty && lengths.count == 7)
    #expect(lengths[5] == 4 + 8 + 8 + 4 + PacketSet.maximumElements * 16)
  }
}
