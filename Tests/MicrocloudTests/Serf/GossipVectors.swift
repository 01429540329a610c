import Foundation

/// What is kept in `vectors/`.
enum GossipVectors {
  /// What unmodified agents of Serf 0.9.4 said to one another in three captures, each packet and stream once.
  ///
  /// The file is a sequence of records: `u` (a UDP packet) or `t` (all that one side of a TCP connection said), two bytes
  /// of length, big end first, and the bytes.
  static let captured: (packets: [[UInt8]], streams: [[UInt8]]) = {
    var rest = bytes("gossip.bin")[...]
    var packets: [[UInt8]] = []
    var streams: [[UInt8]] = []
    while let kind = rest.popFirst() {
      let count = Int(rest.popFirst()!) << 8 | Int(rest.popFirst()!)
      let record = Array(rest.prefix(count))
      precondition(record.count == count)
      rest = rest.dropFirst(count)
      if kind == UInt8(ascii: "u") { packets.append(record) } else { streams.append(record) }
    }
    return (packets, streams)
  }()

  /// The words of each line that is no comment.
  static func lines(_ name: String) -> [[String]] {
    try! String(contentsOf: file(name), encoding: .utf8).split(separator: "\n")
      .filter { !$0.hasPrefix("#") }
      .map { $0.split(separator: " ", omittingEmptySubsequences: false).map(String.init) }
  }

  static func bytes(_ name: String) -> [UInt8] { [UInt8](try! Data(contentsOf: file(name))) }

  private static func file(_ name: String) -> URL {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("vectors/\(name)")
  }
}
