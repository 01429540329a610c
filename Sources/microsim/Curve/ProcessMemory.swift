import Basics
import LinuxSystem

/// The memory of this process (proc(5), statm).
enum ProcessMemory {
  private static let pageBytes = 4096

  static var residentBytes: Int {
    guard let bytes = try? Files.read("/proc/self/statm") else { return 0 }
    let words = ASCII.words(bytes[...])
    guard words.count > 1, let pages = Decimal.parse(words[1]) else { return 0 }
    return Int(pages) * pageBytes
  }
}
