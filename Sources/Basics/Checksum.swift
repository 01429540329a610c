/// FNV-1a with 64 bits: tells bytes apart that differ by chance. Who wants two that look alike can make them.
public enum Checksum {
  public static func of(_ bytes: some Sequence<UInt8>) -> UInt64 {
    bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }
}
