import Basics
import CSystem
import LinuxSystem
import Microcloud

/// What this machine's processor and kernel can run.
enum Processor {
  /// By the flags of /proc/cpuinfo; they do not change while the agent runs.
  static let level: ISALevel? = level(
    isKernel64: system_is_kernel_64() != 0, cpuinfo: (try? Files.read("/proc/cpuinfo")) ?? [])

  /// Nil: it is no x86 that we know.
  static func level(isKernel64: Bool, cpuinfo: [UInt8]) -> ISALevel? {
    if isKernel64 { return .amd64 }
    guard let line = ASCII.lines(cpuinfo[...]).first(where: { $0.starts(with: "flags".utf8) }) else { return nil }
    let flags = ASCII.words(line)
    func has(_ flag: String) -> Bool { flags.contains { $0.elementsEqual(flag.utf8) } }
    if has("sse2") { return .i686SSE2 }
    return has("cmov") && has("mmx") ? .geode : .i586NoLock
  }
}
