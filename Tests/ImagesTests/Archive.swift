/// A tar archive made header by header, so that a test can say what is odd about it.
struct Archive {
  var bytes: [UInt8] = []

  /// A header; its size is that of `data` unless one is given.
  mutating func add(
    _ name: String, _ flag: Character = "0", data: [UInt8] = [], size: [UInt8]? = nil, link: String = "",
    mode: UInt32 = 0o644, user: UInt64 = 0, modified: [UInt8] = Archive.octal(0, 12), magic: String = "ustar\u{0}00",
    prefix: String = "", device: (UInt64, UInt64) = (0, 0), signedChecksum: Bool = false
  ) {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ offset: Int, _ field: some Sequence<UInt8>) {
      for (index, byte) in field.enumerated() { header[offset + index] = byte }
    }
    put(0, name.utf8)
    put(100, Archive.octal(UInt64(mode), 8))
    put(108, Archive.octal(user, 8))
    put(116, Archive.octal(user, 8))
    put(124, size ?? Archive.octal(UInt64(data.count), 12))
    put(136, modified)
    put(156, [flag.asciiValue ?? 0])
    put(157, link.utf8)
    put(257, magic.utf8)
    if !magic.isEmpty {
      put(329, Archive.octal(device.0, 8))
      put(337, Archive.octal(device.1, 8))
      put(345, prefix.utf8)
    }
    put(148, [UInt8](repeating: 0x20, count: 8))
    let sum = header.reduce(0) { $0 + (signedChecksum ? Int(Int8(bitPattern: $1)) : Int($1)) }
    put(148, Archive.octal(UInt64(sum), 7))
    bytes += header + data + [UInt8](repeating: 0, count: (512 - data.count % 512) % 512)
  }

  /// An extended header of pax.
  mutating func addPax(_ records: [(String, String)], flag: Character = "x") {
    add("PaxHeaders/x", flag, data: records.flatMap { Archive.record($0.0, Array($0.1.utf8)) })
  }

  /// `LENGTH KEY=VALUE` and a newline, where the length counts its own digits.
  static func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
    let rest = Array(" \(key)=".utf8) + value + [0x0A]
    var length = rest.count + 1
    while "\(length)".utf8.count + rest.count != length { length = "\(length)".utf8.count + rest.count }
    return Array("\(length)".utf8) + rest
  }

  /// Digits and a NUL that fill a field.
  static func octal(_ number: UInt64, _ width: Int) -> [UInt8] {
    let digits = String(number, radix: 8)
    return Array((String(repeating: "0", count: width - 1 - digits.count) + digits).utf8) + [0]
  }

  mutating func end() {
    bytes += [UInt8](repeating: 0, count: 1024)
  }
}
