import Basics
import CSystem

/// What /proc tells about a process (proc(5)).
public struct ProcessStatus: Equatable, Sendable {
  public let process: Int32
  public let parent: Int32
  /// It runs, or ran when it ended, a program that it was given by execve(2). Until then it is a copy of its parent.
  public let hasExecuted: Bool
  /// Clock ticks since boot at which it started: with the number, this is one process and no other.
  public let startTicks: UInt64
  /// It has ended and waits to be collected.
  public let isZombie: Bool

  /// The kernel sets this flag of a process when it is forked and takes it off when an execve(2) cannot fail any more
  /// (PF_FORKNOEXEC in linux/sched.h, field 9 of proc(5)'s stat). Unlike a name, no program can choose it.
  private static let forkedWithoutExec: UInt64 = 0x40

  /// Nil where there is no such process.
  public init?(of process: Int32) {
    guard let bytes = try? Files.read("/proc/\(process)/stat", inOnePiece: true) else { return nil }
    self.init(process: process, stat: bytes)
  }

  /// Reads the text of /proc/PID/stat. The second field is a name that may hold blanks and parentheses.
  init?(process: Int32, stat bytes: [UInt8]) {
    guard let close = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
    let words = ASCII.words(bytes[(close + 1)...])
    // Counted from the third field: state, parent, …; the flags are the 9th, start time is the 22nd.
    guard words.count > 19, let parent = Decimal.parse(words[1]), let flags = Decimal.parse(words[6]),
      let ticks = Decimal.parse(words[19])
    else { return nil }
    self.process = process
    self.parent = Int32(truncatingIfNeeded: parent)
    hasExecuted = flags & Self.forkedWithoutExec == 0
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
  ///
  /// - Parameter root: the directory that has the kernel's files, for tests; empty: they are at their places.
  public static func bootID(below root: String = "") -> String {
    let bytes = (try? Files.read(root + "/proc/sys/kernel/random/boot_id")) ?? []
    return ASCII.string(ASCII.trim(bytes[...]))
  }
}
