extension ImageConfig {
  /// How Docker's images say that a container's health is to be checked. OCI's know no such thing.
  public struct Healthcheck: Equatable, Sendable {
    public let command: [String]
    /// 0: as whoever checks is used to.
    public let intervalMilliseconds: UInt64
    public let timeLimitMilliseconds: UInt64
    public let startMilliseconds: UInt64
    public let retries: UInt64

    /// Nil: there is to be none.
    init?(_ reader: DocumentReader) throws(ImageError) {
      let test = try reader.texts("Test", limit: ImageConfig.maximumArguments)
      switch test.first {
      case "CMD" where test.count > 1: command = Array(test[1...])
      case "CMD-SHELL" where test.count > 1: command = ["/bin/sh", "-c", test[1]]
      default: return nil
      }
      intervalMilliseconds = try Self.milliseconds(reader, "Interval")
      timeLimitMilliseconds = try Self.milliseconds(reader, "Timeout")
      startMilliseconds = try Self.milliseconds(reader, "StartPeriod")
      retries = try reader.unsigned("Retries")
    }

    /// Docker counts nanoseconds.
    private static func milliseconds(_ reader: DocumentReader, _ name: StaticString) throws(ImageError) -> UInt64 {
      try reader.unsigned(name) / 1_000_000
    }
  }
}
