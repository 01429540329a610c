import Crypto
import NodeSecurity
import Testing

/// RFC 4231, test cases 1 and 2.
@Test(
  arguments: [
    ([UInt8](repeating: 0x0B, count: 20), "Hi There", 0xB034_4C61_D8DB_3853),
    (Array("Jefe".utf8), "what do ya want for nothing?", 0x5BDC_C146_BF60_754E),
  ] as [([UInt8], String, UInt64)]) func digestIsTheHeadOfAnHMAC(key: [UInt8], text: String, expected: UInt64)
{
  #expect(HMACDigest.keyed(by: key)(Array(text.utf8)) == expected)
}
