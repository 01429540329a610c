import Basics

/// A domain name (RFC 1035 section 3.1) of labels that hold any bytes, in multicast DNS UTF-8 (RFC 6762 section 16).
///
/// Names compare without regard to ASCII case and keep the case they came with.
public struct DNSName: Sendable {
  /// The most bytes on the wire, the root's final zero included.
  public static let maximumBytes = 255
  public static let maximumLabelBytes = 63

  /// Each label behind a byte that holds its length, without the root's zero: one allocation for a whole name.
  let wire: [UInt8]

  /// The root: no label at all.
  public static let root = DNSName(wire: [])

  /// For what was checked already.
  init(wire: [UInt8]) {
    self.wire = wire
  }

  /// A name of these labels, the first of them the most special.
  public init(labels: [[UInt8]]) throws(DNSError) {
    var wire: [UInt8] = []
    for label in labels {
      if label.isEmpty { throw .emptyLabel }
      if label.count > Self.maximumLabelBytes { throw .labelTooLong }
      if wire.count + 1 + label.count >= Self.maximumBytes { throw .nameTooLong }
      wire.append(UInt8(label.count))
      wire += label
    }
    self.wire = wire
  }

  /// This name below another one: `instance`, then all labels of `parent`.
  public init(_ label: String, in parent: DNSName) throws(DNSError) {
    try self.init(labels: [Array(label.utf8)] + parent.labels)
  }

  /// How many bytes it takes on the wire without compression.
  public var byteCount: Int { wire.count + 1 }
  public var isRoot: Bool { wire.isEmpty }

  /// The labels, the most special one first.
  public var labels: [[UInt8]] {
    var labels: [[UInt8]] = []
    var start = 0
    while start < wire.count {
      let end = start + 1 + Int(wire[start])
      labels.append(Array(wire[start + 1..<end]))
      start = end
    }
    return labels
  }

  /// The first label as text; what is not UTF-8 becomes U+FFFD. Empty for the root.
  public var firstLabel: String {
    guard let count = wire.first else { return "" }
    return String(decoding: wire[1...Int(count)], as: UTF8.self)
  }

  /// The name without its first label; the root's is the root.
  public var parent: DNSName {
    guard let count = wire.first else { return self }
    return DNSName(wire: Array(wire[(1 + Int(count))...]))
  }

  /// Whether the name is one label in front of `parent`; nothing is allocated to find out.
  func isChild(of parent: DNSName) -> Bool {
    guard let count = wire.first else { return false }
    let rest = wire[(1 + Int(count))...]
    return Self.areEqual(rest, parent.wire[...])
  }

  /// Bytes that hold a length are below the letters, and stay.
  private static func areEqual(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    let shift = right.startIndex - left.startIndex
    for index in left.indices where ASCII.lowercased(left[index]) != ASCII.lowercased(right[index + shift]) {
      return false
    }
    return true
  }
}

extension DNSName: Equatable {
  public static func == (left: DNSName, right: DNSName) -> Bool {
    areEqual(left.wire[...], right.wire[...])
  }
}
