import Basics
import LinuxSystem
import MicroAgent
import Microcloud

/// A map as lines `name: value`, maps inside it indented, for people.
enum Listing {
  static func text(of value: CBORValue, now: UInt64 = Clock.wallSeconds()) -> String {
    var text = ""
    append(value, indent: 0, now, to: &text)
    return text
  }

  private static func append(_ value: CBORValue, indent: Int, _ now: UInt64, to text: inout String) {
    let entries = value.mapValue?.entries ?? []
    let width = entries.reduce(0) { max($0, title($1.key).utf8.count) }
    for entry in entries {
      let title = Text.spaces(indent) + Text.clean(title(entry.key)) + ":"
      switch entry.value {
      case .map:
        text += title + "\n"
        append(entry.value, indent: indent + 2, now, to: &text)
      case .array(let items) where key(entry.key) == .memberships:
        text += title + (items.isEmpty ? " none\n" : "\n")
        for item in items { appendMembership(item, indent: indent + 2, now, to: &text) }
      case .array(let items) where !isTexts(items) || isSentences(entry.key):
        text += title + (items.isEmpty ? " none\n" : "\n")
        for item in items { appendItem(item, indent: indent + 2, now, to: &text) }
      default:
        let shown = Text.clean(scalar(entry.value, key(entry.key), now))
        text += Text.padded(title, to: indent + width + 1) + " " + shown + "\n"
      }
    }
  }

  /// A block under its name.
  private static func appendMembership(_ item: CBORValue, indent: Int, _ now: UInt64, to text: inout String) {
    guard var map = item.mapValue else { return appendItem(item, indent: indent, now, to: &text) }
    text += "\(Text.spaces(indent))\(Text.clean(map[.membership]?.textValue ?? "-")):\n"
    map[.membership] = nil
    append(.map(map), indent: indent + 2, now, to: &text)
  }

  private static func appendItem(_ item: CBORValue, indent: Int, _ now: UInt64, to text: inout String) {
    if case .map(let map) = item {
      let parts = map.entries.map { "\(title($0.key)) \(scalar($0.value, key($0.key), now))" }
      text += Text.spaces(indent) + Text.clean(Text.joined(parts, by: ", ")) + "\n"
    } else {
      text += Text.spaces(indent) + Text.clean(scalar(item, nil, now)) + "\n"
    }
  }

  private static func key(_ value: CBORValue) -> APIKey? {
    value.unsignedValue.flatMap { APIKey(rawValue: $0) }
  }

  private static func isSentences(_ value: CBORValue) -> Bool {
    key(value) == .notices || key(value) == .status
  }

  private static func isTexts(_ items: [CBORValue]) -> Bool {
    items.allSatisfy { $0.textValue != nil }
  }

  /// `memoryBytes` as `memory`: the value shows its unit itself.
  private static func title(_ value: CBORValue) -> String {
    guard let key = key(value) else { return value.textValue ?? value.description }
    var words = ""
    for byte in key.name.utf8 {
      if byte >= 0x41, byte <= 0x5A { words += " " }
      words += String(decoding: [byte >= 0x41 && byte <= 0x5A ? byte + 0x20 : byte], as: UTF8.self)
    }
    for unit in [" bytes", " milliseconds", " seconds", " nanoseconds"] where words.utf8.count > unit.utf8.count {
      let cut = words.utf8.count - unit.utf8.count
      if words.utf8.dropFirst(cut).elementsEqual(unit.utf8) {
        return String(decoding: words.utf8.prefix(cut), as: UTF8.self)
      }
    }
    return words
  }

  private static func scalar(_ value: CBORValue, _ key: APIKey?, _ now: UInt64) -> String {
    if let number = value.unsignedValue, let key { return amount(number, key, now) }
    switch value {
    case .text(let text): return text
    case .bool(let flag): return flag ? "yes" : "no"
    case .null, .undefined: return "-"
    case .bytes(let bytes) where key == .holder || key == .requestID: return Hexadecimal.text(bytes)
    case .bytes(let bytes): return "\(bytes.count) bytes"
    case .array(let items): return Text.joined(items.map { scalar($0, nil, now) }, by: " ")
    default: return value.description
    }
  }

  private static func amount(_ number: UInt64, _ key: APIKey, _ now: UInt64) -> String {
    switch key {
    case .memoryBytes, .logBytes, .memoryUsedBytes, .memoryPeakBytes, .memoryTotalBytes, .memoryAvailableBytes,
      .memoryOfferBytes, .memoryReservedBytes, .memoryFreeBytes, .diskBytes, .diskUsedBytes:
      return ByteCount.short(number)
    case .createdSeconds, .startedSeconds, .endedSeconds: return "\(Duration.since(number, now: now)) ago"
    case .uptimeSeconds, .remainingSeconds, .durationSeconds, .longestSeconds: return Duration.short(seconds: number)
    case .graceMilliseconds: return "\(number) ms"
    case .cpuNanoseconds: return Duration.processor(nanoseconds: number)
    default: return "\(number)"
    }
  }
}
