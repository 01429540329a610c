import Basics

/// How busy the machine is, as the kernel tells; nil: it does not.
public enum MachineLoad {
  /// Processes that run or wait, in thousandths, over the last minute (proc(5), `/proc/loadavg`).
  public static func averageThousandths() -> UInt64? {
    let words = ASCII.words(read("/proc/loadavg"))
    return words.first.flatMap { hundredths($0) }.map { $0 * 10 }
  }

  /// What all processors have worked since the start, in milliseconds: all but waiting (`/proc/stat`).
  public static func busyMilliseconds() -> UInt64? {
    for line in ASCII.lines(read("/proc/stat")) {
      let words = ASCII.words(line)
      guard let name = words.first, name.elementsEqual("cpu".utf8) else { continue }
      // user, nice, system, idle, iowait, irq, softirq, steal, in hundredths of a second.
      let counts = words.dropFirst().prefix(8).map { Decimal.parse($0) ?? 0 }
      guard counts.count >= 4 else { return nil }
      let waited = counts[3] &+ (counts.count > 4 ? counts[4] : 0)
      return (counts.reduce(0, &+) &- waited) &* 10
    }
    return nil
  }

  /// For how long some process waited for memory since the start, in milliseconds (`/proc/pressure/memory`).
  public static func memoryWaitMilliseconds() -> UInt64? {
    for line in ASCII.lines(read("/proc/pressure/memory")) where line.starts(with: "some ".utf8) {
      let total = ASCII.words(line).last { $0.starts(with: "total=".utf8) }
      return total.flatMap { Decimal.parse($0.dropFirst("total=".utf8.count)) }.map { $0 / 1000 }
    }
    return nil
  }

  private static func read(_ path: String) -> ArraySlice<UInt8> {
    ((try? Files.read(path)) ?? [])[...]
  }

  /// `0.52` is 52.
  private static func hundredths(_ text: ArraySlice<UInt8>) -> UInt64? {
    let parts = ASCII.split(text, at: UInt8(ascii: "."))
    guard parts.count == 2, parts[1].count == 2, let whole = Decimal.parse(parts[0]), whole < 1 << 32,
      let rest = Decimal.parse(parts[1])
    else { return nil }
    return whole * 100 + rest
  }
}
