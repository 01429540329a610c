import TestSupport
import Testing

@testable import Netlink

@Suite struct NetlinkAnswerTests {
  private static let done = bytes("24000000 0200 0001 07000000 a35f0000 00000000 0c010000 060a 050c 07000000 00000000")
  private static let refused = bytes(
    """
    48000000 0200 0003 05000000 a35f0000          ; NLMSG_ERROR, capped and with attributes, of request 5
    feffffff                                      ; -ENOENT
    38000000 0c0a 0504 05000000 00000000          ; the request's header
    0800 0200 14000000                            ; NLMSGERR_ATTR_OFFS
    1a00 0100 4e6f2073756368207461626c65 0a       ; NLMSGERR_ATTR_MSG "No such table" with a line feed in it,
    2068657265 2021 00 0000                       ; " here !"
    """)

  @Test func readsWhatTheKernelSays() {
    #expect(
      NetlinkAnswer.decode((Self.done + Self.refused)[...]) == [
        NetlinkAnswer(sequence: 7, errno: 0, text: ""),
        NetlinkAnswer(sequence: 5, errno: 2, text: "No such table here !"),
      ])
  }

  @Test func passesOverTheRequestThatIsNotLeftOut() {
    var whole = bytes("30000000 0200 0002 05000000 a35f0000 ffffffff 14000000 0c0a 0504 05000000 00000000 01000000")
    whole += bytes("0700 0100 4e6f00 00")
    #expect(NetlinkAnswer.decode(whole[...]) == [NetlinkAnswer(sequence: 5, errno: 1, text: "No")])
  }

  @Test func takesOnlyWhatIsThere() {
    for count in 0..<Self.refused.count { #expect(NetlinkAnswer.decode(Self.refused.prefix(count)) == []) }
    // The least number, and a request that is said to be longer than the message.
    let liar = bytes("24000000 0200 0002 01000000 00000000 00000080 ffffffff 0c0a 0504 05000000 00000000")
    #expect(NetlinkAnswer.decode(liar[...]) == [NetlinkAnswer(sequence: 1, errno: .min, text: "")])
  }

  @Test func neverTrapsOnNoise() {
    var random = SeededGenerator(seed: 11)
    for _ in 0..<20_000 {
      var noise = Self.done + Self.refused
      for _ in 0..<4 { noise[Int(random.below(UInt64(noise.count)))] = UInt8(truncatingIfNeeded: random.next()) }
      _ = NetlinkAnswer.decode(noise[...])
    }
  }
}
