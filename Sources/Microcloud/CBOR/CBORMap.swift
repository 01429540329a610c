/// The entries of a CBOR map, in the order in which they were decoded or added. The encoder sorts them.
///
/// Our maps are small: looking a key up walks the entries, which costs less code than hashing.
public struct CBORMap: Sendable {
  /// A key and what stands under it.
  public struct Entry: Sendable {
    public let key: CBORValue
    public var value: CBORValue
  }

  /// Key by key; two may be equal only if `append` added them so.
  public private(set) var entries: [Entry] = []

  /// A map without entries.
  public init() {}

  /// Adds an entry without looking for its key. Of two equal keys only the first is encoded.
  public mutating func append(key: CBORValue, value: CBORValue) {
    entries.append(Entry(key: key, value: value))
  }

  /// The value under an integer key. Setting nil removes the entry.
  public subscript(key key: Int) -> CBORValue? {
    get { index(of: key).map { entries[$0].value } }
    set { set(newValue, at: index(of: key), key: .integer(Int64(key))) }
  }

  /// The value under a text key; keys compare byte by byte. Setting nil removes the entry.
  public subscript(text key: String) -> CBORValue? {
    get { index(of: key).map { entries[$0].value } }
    set { set(newValue, at: index(of: key), key: .text(key)) }
  }

  private func index(of key: Int) -> Int? {
    entries.firstIndex { $0.key.integerValue == Int64(key) }
  }

  private func index(of key: String) -> Int? {
    let bytes = Array(key.utf8)
    return entries.firstIndex { $0.key.textValue.map { Array($0.utf8) == bytes } ?? false }
  }

  private mutating func set(_ value: CBORValue?, at index: Int?, key: CBORValue) {
    switch (value, index) {
    case (let value?, let index?): entries[index].value = value
    case (let value?, nil): append(key: key, value: value)
    case (nil, let index?): entries.remove(at: index)
    case (nil, nil): break
    }
  }
}

extension CBORMap: Equatable {
  /// Whether the entries are the same, in whatever order.
  public static func == (left: CBORMap, right: CBORMap) -> Bool {
    CBORValue.map(left) == .map(right)
  }
}

/// Encoded map keys in bytewise order, each with the position of its entry: what the encoder writes in order, and what
/// shows the decoder a key that came twice.
struct SortedMapKeys {
  private(set) var keys: [(encoded: [UInt8], position: Int)] = []

  /// Puts a key in its place; false, and nothing is added, if it was there.
  mutating func insert(_ encoded: [UInt8], position: Int) -> Bool {
    var low = 0
    var high = keys.count
    while low < high {
      let middle = low + (high - low) / 2
      if Self.precedes(keys[middle].encoded, encoded) { low = middle + 1 } else { high = middle }
    }
    if low < keys.count, keys[low].encoded == encoded { return false }
    keys.insert((encoded, position), at: low)
    return true
  }

  private static func precedes(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    for index in 0..<min(left.count, right.count) where left[index] != right[index] {
      return left[index] < right[index]
    }
    return left.count < right.count
  }
}
