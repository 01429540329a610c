import Basics

/// What people want to know of a process, from what the kernel tells without waiting for it (proc(5)): its command line lies in
/// its memory, which it may be busy with, or which a disk has to give.
public struct ProcessDetails: Equatable, Sendable {
  /// Of its program, at most 15 bytes; it can choose another one.
  public let name: String
  /// `R` runs, `S` sleeps, `D` waits for a disk, `T` is stopped, `Z` has ended.
  public let state: String
  public let cpuNanoseconds: UInt64
  public let memoryBytes: UInt64
  /// As whom it runs, in the namespace of whoever asks.
  public let user: UInt32
  /// Its number in its own, the innermost, pid namespace.
  public let innermost: UInt64

  /// Ticks of the kernel's clock in user space (USER_HZ), on x86.
  private static let tickNanoseconds: UInt64 = 10_000_000
  private static let pageBytes: UInt64 = 4096

  /// Nil where there is no such process.
  public init?(of process: Int32) {
    guard let stat = try? Files.read("/proc/\(process)/stat", inOnePiece: true),
      let status = try? Files.read("/proc/\(process)/status", inOnePiece: true)
    else { return nil }
    self.init(stat: stat, status: status)
  }

  init?(stat: [UInt8], status: [UInt8]) {
    guard let open = stat.firstIndex(of: UInt8(ascii: "(")), let close = stat.lastIndex(of: UInt8(ascii: ")")),
      open < close
    else { return nil }
    // Counted from the third field: state is the 3rd, user and system time the 14th and 15th, resident pages the 24th.
    let words = ASCII.words(stat[(close + 1)...])
    guard words.count > 21, let user = Decimal.parse(words[11]), let system = Decimal.parse(words[12]),
      let pages = Decimal.parse(words[21])
    else { return nil }
    name = ASCII.string(stat[(open + 1)..<close])
    state = ASCII.string(words[0])
    cpuNanoseconds = (user &+ system) &* Self.tickNanoseconds
    memoryBytes = pages &* Self.pageBytes
    self.user = Self.words(of: "Uid:", in: status).first.flatMap { UInt32(exactly: $0) } ?? 0
    innermost = Self.words(of: "NSpid:", in: status).last ?? 0
  }

  private static func words(of key: String, in status: [UInt8]) -> [UInt64] {
    for line in ASCII.lines(status[...]) {
      let words = ASCII.words(line)
      if let first = words.first, first.elementsEqual(key.utf8) {
        return words.dropFirst().compactMap { Decimal.parse($0) }
      }
    }
    return []
  }
}
