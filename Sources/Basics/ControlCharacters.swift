extension Unicode.Scalar {
  /// Whether it does something to a terminal instead of being shown: control characters, those that break lines, and
  /// those that turn the direction of writing.
  public var isControl: Bool {
    switch value {
    case 0..<0x20, 0x7F..<0xA0, 0x061C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
    default: false
    }
  }
}
