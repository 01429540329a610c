/// What a member of a gossip cluster is called: its identity there. Any bytes, though nearly always ASCII.
///
/// Names compare byte by byte, as they do for every other member; a `String` would call two spellings of `é` the same.
public struct NodeName: Hashable, Sendable {
  /// Longer names are refused; new builds of Serf can be told to allow no more than 128 bytes.
  public static let maximumBytes = 512

  /// UTF-8 if its owner wished so.
  public let bytes: [UInt8]

  public init(_ bytes: some Sequence<UInt8>) {
    self.bytes = Array(bytes)
  }

  /// No name: a field that was left out.
  public static let none = NodeName([])

  /// Whether it is no name.
  public var isEmpty: Bool { bytes.isEmpty }
  /// Whether a member may be called so.
  var isUsable: Bool { !bytes.isEmpty && bytes.count <= Self.maximumBytes }
}

extension NodeName: ExpressibleByStringLiteral, CustomStringConvertible {
  public init(stringLiteral value: String) {
    self.init(value.utf8)
  }

  /// The name as text; what is not UTF-8 becomes U+FFFD.
  public var description: String {
    String(decoding: bytes, as: UTF8.self)
  }
}

extension MessagePackEncoder {
  /// A member's name.
  mutating func text(_ name: NodeName) {
    raw(name.bytes)
  }
}
