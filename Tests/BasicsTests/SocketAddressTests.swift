import Basics
import Testing

@Suite struct SocketAddressTests {
  /// RFC 5952 sections 4 and 5.
  @Test(
    arguments: [
      (0x2001_0db8_0000_0000, 0x0000_0000_0000_0001, "2001:db8::1"),
      (0x2001_0db8_0000_0001, 0x0001_0001_0001_0001, "2001:db8:0:1:1:1:1:1"),
      (0x2001_0000_0000_0001, 0x0000_0000_0000_0001, "2001:0:0:1::1"),
      (0x2001_0db8_0000_0000, 0x0001_0000_0000_0001, "2001:db8::1:0:0:1"),
      (0, 0, "::"), (0, 1, "::1"), (0xfe80 << 48, 0, "fe80::"),
    ] as [(UInt64, UInt64, String)])
  func writesIPv6AsTheRFCSays(high: UInt64, low: UInt64, text: String) {
    let address = IPAddress.v6(high: high, low: low)
    #expect(address.description == text)
    #expect(IPAddress(networkBytes: address.networkBytes[...]) == address)
  }

  @Test func writesIPv4AndPorts() {
    let address = IPAddress.v4(0xC000_0201)
    #expect(address.networkBytes == [192, 0, 2, 1])
    #expect(IPAddress(networkBytes: [192, 0, 2, 1]) == address)
    #expect(IPAddress(networkBytes: [192, 0, 2]) == nil)
    #expect("\(SocketAddress(address, port: 5000))" == "192.0.2.1:5000")
    #expect("\(SocketAddress(.v6(high: 0xfe80 << 48, low: 1), port: 1, scope: 2))" == "[fe80::1%2]:1")
  }

  /// Python's `ipaddress` reads these the same.
  @Test(
    arguments: [
      ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("::", "::"),
      ("::1", "::1"), ("2001:DB8::", "2001:db8::"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
      ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"), ("1::8", "1::8"),
      ("::ffff:192.0.2.1", "::ffff:c000:201"), ("64:ff9b::1.2.3.4", "64:ff9b::102:304"),
      ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
    ])
  func readsAddresses(text: String, canonical: String) {
    #expect(IPAddress(text)?.description == canonical)
  }

  @Test(
    arguments: [
      "", ".", ":", ":::", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", "1..2.3", "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9", "1::2::3", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::", "+1::", "-1::",
      ":1::",
      "1:", "::1:", "1.2.3.4::", "::1.2.3", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4",
    ])
  func refusesWhatIsNoAddress(text: String) {
    #expect(IPAddress(text) == nil)
  }

  @Test func readsAddressesWithPorts() {
    #expect(SocketAddress("192.0.2.1:5000") == SocketAddress(.v4(0xC000_0201), port: 5000))
    #expect(SocketAddress("[::1]:65535") == SocketAddress(.loopbackV6, port: 65535))
    for text in ["", "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "[192.0.2.1]:1", "::1:5", "[::1]", "[::1:5", ":5"] {
      #expect(SocketAddress(text) == nil, "\(text)")
    }
  }
}
