/// The checksum of IEEE 802.3, which peers of memberlist 0.2 and later put before packets to one another.
enum CRC32 {
  static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    var sum = UInt32.max
    for byte in bytes {
      sum ^= UInt32(byte)
      sum = table[Int(sum & 0xF)] ^ (sum >> 4)
      sum = table[Int(sum & 0xF)] ^ (sum >> 4)
    }
    return ~sum
  }

  /// Half a byte at a time: 64 bytes of table, and quick enough for a packet.
  private static let table: [UInt32] = (0..<16).map { index in
    (0..<4).reduce(UInt32(index)) { sum, _ in sum & 1 == 1 ? 0xEDB8_8320 ^ (sum >> 1) : sum >> 1 }
  }
}
