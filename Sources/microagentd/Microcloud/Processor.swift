import Basics
import CSystem
import ContainerRunner
import LinuxSystem
import Microcloud

/// What this machine's processor and kernel can run.
enum Processor {
  /// By the flags of /proc/cpuinfo; they do not change while the agent runs.
  static let level: ISALevel? = level(
    isKernel64: system_is_kernel_64() != 0, cpuinfo: (try? Files.read("/proc/cpuinfo")) ?? [])

  /// What programs may need and it has not. Where we do not know it, nothing.
  static var lacking: ProcessorFeatures {
    switch level {
    case .i586NoLock: [.lock, .conditionalMove, .longNop, .mmx, .sse, .amd64, .foreign]
    case .geode: [.longNop, .sse, .amd64, .foreign]
    case .i686SSE2: [.amd64, .foreign]
    case .amd64, nil: []
    }
  }

  /// Why a program was not run, and what to do.
  static func line(_ failure: LaunchError) -> String {
    if failure.lacking.isEmpty { return "\(failure)" }
    return "\(failure): this node is \(level?.rawValue ?? "unknown"): use another one, or run it with --any-isa"
  }

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
