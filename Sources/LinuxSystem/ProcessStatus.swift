import Basics
import CSystem

/// What /proc tells about a process (proc(5)).
public struct ProcessStatus: Equatable, Sendable {
  public let process: Int32
  public let parent: Int32
  /// The name of the program it runs, cut to 15 bytes; an ended process keeps its last.
  public let name: String
  /// Clock ticks since boot at which it started: with the number, this is one process and no other.
  public let startTicks: UInt64
  /// It has ended and waits to be collected.
  public let isZombie: Bool

  /// Nil where there is no such process.
  public init?(of process: Int32) {
    guard let bytes = try? Files.read("/proc/\(process)/stat") else { return nil }
    self.init(process: process, stat: bytes)
  }

  /// Reads the text of /proc/PID/stat. The second field is a name that may hold blanks and parentheses.
  init?(process: Int32, stat bytes: [UInt8]) {
    guard let open = bytes.firstIndex(of: UInt8(ascii: "(")), let close = bytes.lastIndex(of: UInt8(ascii: ")")),
      open < close
    else { return nil }
    let words = ASCII.words(bytes[(close + 1)...])
    // Counted from the third field: state, parent, …, start time is the 22nd.
    guard words.count > 19, let parent = Decimal.parse(words[1]), let ticks = Decimal.parse(words[19]) else {
      return nil
    }
    self.process = process
    name = ASCII.string(bytes[(open + 1)..<close])
    self.parent = Int32(truncatingIfNeeded: parent)
    startTicks = ticks
    isZombie = words[0].elementsEqual([UInt8(ascii: "Z")]) || words[0].elementsEqual([UInt8(ascii: "X")])
  }

  /// The file that the process runs, as (device, inode); nil where it cannot be seen.
  public static func program(of process: String) -> (device: UInt64, inode: UInt64)? {
    var status = system_file_status()
    guard system_stat("/proc/\(process)/exe", &status) == 0 else { return nil }
    return (status.device, status.inode)
  }

  /// Tells this boot from every other.
  public static func bootID() -> String {
    let bytes = (try? Files.read("/proc/sys/kernel/random/boot_id")) ?? []
    return ASCII.string(ASCII.trim(bytes[...]))
  }
}
