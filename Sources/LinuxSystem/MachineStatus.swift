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

  /// How many cores are switched on, as /proc/stat lists them; at least 1.
  public static func cores() -> UInt64 {
    let lines = ASCII.lines(((try? Files.read("/proc/stat")) ?? [])[...])
    let count = lines.filter { $0.starts(with: "cpu".utf8) && $0.dropFirst(3).first != UInt8(ascii: " ") }.count
    return UInt64(max(1, count))
  }

  /// What is free for anybody on the file system that holds `path`; 0 where the kernel does not say.
  public static func freeDiskBytes(_ path: String) -> UInt64 { diskBytes(path).free }

  /// The same, and how much it has in all.
  public static func diskBytes(_ path: String) -> (free: UInt64, total: UInt64) {
    var status = system_filesystem_status()
    return system_statfs(path, &status) == 0 ? (status.free_bytes, status.total_bytes) : (0, 0)
  }

  /// Whether the kernel knows a type of file system by now; one in a module is known once it is loaded.
  public static func hasFileSystem(_ type: String) -> Bool {
    ASCII.lines(((try? Files.read("/proc/filesystems")) ?? [])[...]).contains { line in
      ASCII.words(line).last.map { $0.elementsEqual(type.utf8) } ?? false
    }
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
