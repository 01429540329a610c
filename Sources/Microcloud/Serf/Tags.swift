/// What a member says of itself in a few short texts under names, in the order in which they were set.
///
/// Few enough that looking one up walks them all.
public struct Tags: Equatable, Sendable {
  /// The most that stock builds of Serf send, encoded. Receivers do not check it; see `maximumBytes`.
  public static let customaryMaximumBytes = 512
  /// The most that we take, encoded. A fork that is in use sends up to 2048.
  public static let maximumBytes = 4096
  /// The most tags that we take.
  public static let maximumCount = 256

  public struct Entry: Equatable, Sendable {
    public let name: String
    public var value: String
  }

  /// In the order in which they were set; no name twice.
  public private(set) var entries: [Entry] = []

  public init() {}

  /// The value under a name. Setting nil removes it; setting another value leaves it in its place.
  public subscript(name: String) -> String? {
    get { index(of: name).map { entries[$0].value } }
    set { set(newValue, at: index(of: name), name) }
  }

  private func index(of name: String) -> Int? {
    entries.firstIndex { $0.name == name }
  }

  private mutating func set(_ value: String?, at index: Int?, _ name: String) {
    switch (value, index) {
    case (let value?, let index?): entries[index].value = value
    case (let value?, nil): entries.append(Entry(name: name, value: value))
    case (nil, let index?): entries.remove(at: index)
    case (nil, nil): break
    }
  }
}

extension Tags: ExpressibleByDictionaryLiteral {
  public init(dictionaryLiteral elements: (String, String)...) {
    for (name, value) in elements { self[name] = value }
  }
}

extension Tags {
  /// What stands before the map; meta without it is from Serf before protocol 3, and is the tag `role`.
  static let magic: UInt8 = 0xFF

  /// The meta of an alive message.
  public var encoded: [UInt8] {
    var encoder = MessagePackEncoder(appendingTo: [Self.magic])
    encodeMap(to: &encoder)
    return encoder.bytes
  }

  func encodeMap(to encoder: inout MessagePackEncoder) {
    encoder.map(entries.count)
    for entry in entries {
      encoder.text(entry.name)
      encoder.text(entry.value)
    }
  }
}

extension Tags {
  /// The tags in the meta of an alive message. No meta is no tags.
  public init(meta: [UInt8]) throws(MessagePackError) {
    if meta.count > Self.maximumBytes { throw MessagePackError(.tooLong, offset: 0) }
    if meta.first == Self.magic {
      var reader = MessagePackReader(meta.dropFirst())
      try self.init(map: &reader)
    } else if meta.isEmpty {
      self.init()
    } else {
      self = ["role": String(decoding: meta, as: UTF8.self)]
    }
  }

  init(map reader: inout MessagePackReader) throws(MessagePackError) {
    for _ in 0..<(try reader.map(limit: Self.maximumCount)) {
      let name = try reader.text()
      self[name] = try reader.text()
    }
  }
}
