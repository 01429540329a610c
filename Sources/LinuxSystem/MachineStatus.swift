import Basics
import CSystem

/// What the kernel tells about the machine.
public enum MachineStatus {
  /// As uname(2) says, `6.1.0-44-686`.
  public static func kernelRelease() -> String {
    text("/proc/sys/kernel/osrelease")
  }

  public static func hostname() -> String {
    text("/proc/sys/kernel/hostname")
  }

  /// MemTotal and MemAvailable of /proc/meminfo; 0 where the kernel does not say.
  public static func memory() -> (totalBytes: UInt64, availableBytes: UInt64) {
    let bytes = (try? Files.read("/proc/meminfo")) ?? []
    return (amount("MemTotal:", in: bytes), amount("MemAvailable:", in: bytes))
  }

  private static func text(_ path: String) -> String {
    ASCII.string(ASCII.trim(((try? Files.read(path)) ?? [])[...]))
  }

  private static func amount(_ name: String, in meminfo: [UInt8]) -> UInt64 {
    for line in ASCII.lines(meminfo[...]) {
      let words = ASCII.words(line)
      guard words.count >= 2, words[0].elementsEqual(name.utf8) else { continue }
      return (Decimal.parse(words[1]) ?? 0).multipliedReportingOverflow(by: 1024).partialValue
    }
    return 0
  }
}
