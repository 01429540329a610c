import Basics
import Foundation
import Testing

@Suite struct Base64Tests {
  @Test func isWhatFoundationSays() {
    for count in 0...64 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ count &* 17) }
      let standard = Data(bytes).base64EncodedString()
      #expect(Base64.encoded(bytes) == Array(standard.utf8))
      let url = standard.replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
        .replacingOccurrences(of: "=", with: "")
      #expect(Base64.encoded(bytes, .url) == Array(url.utf8))
    }
  }
}
