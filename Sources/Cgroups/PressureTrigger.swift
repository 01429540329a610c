import Basics
import LinuxSystem

/// How much waiting for memory, in how long a window, is worth an event: the kernel's pressure stall information.
///
/// https://docs.kernel.org/accounting/psi.html
public struct PressureTrigger: Equatable, Sendable {
  public enum Kind: String, Sendable {
    /// At least one task waited.
    case some
    /// All tasks waited, so nothing got done.
    case full
  }

  /// The pressure of the whole machine; there on hosts with v1 as well.
  public static let systemPath = "/proc/pressure/memory"
  /// The kernel's limits of a window.
  public static let windowLimitsMicroseconds: ClosedRange<UInt64> = 500_000...10_000_000
  /// Without CAP_SYS_RESOURCE the kernel looks every 2 s and takes multiples of that only (Linux 6.4 and later; earlier
  /// ones ask for the capability).
  public static let unprivilegedStepMicroseconds: UInt64 = 2_000_000

  public let kind: Kind
  public let stallMicroseconds: UInt64
  public let windowMicroseconds: UInt64

  /// - Parameter privileged: whether this process has CAP_SYS_RESOURCE; ask `isPrivileged()`.
  public init(
    _ kind: Kind, stallMicroseconds: UInt64, windowMicroseconds: UInt64, privileged: Bool
  ) throws(CgroupError) {
    let limits = Self.windowLimitsMicroseconds
    guard limits.contains(windowMicroseconds) else {
      throw .badValue(
        "pressure window \(windowMicroseconds) us: must be \(limits.lowerBound) to \(limits.upperBound) us")
    }
    guard privileged || windowMicroseconds % Self.unprivilegedStepMicroseconds == 0 else {
      throw .badValue(
        "pressure window \(windowMicroseconds) us: without CAP_SYS_RESOURCE it must be a multiple of 2000000 us")
    }
    guard stallMicroseconds > 0, stallMicroseconds <= windowMicroseconds else {
      throw .badValue("pressure stall \(stallMicroseconds) us: must be 1 us to the window of \(windowMicroseconds) us")
    }
    self.kind = kind
    self.stallMicroseconds = stallMicroseconds
    self.windowMicroseconds = windowMicroseconds
  }

  /// Whether this process may choose any window: CAP_SYS_RESOURCE (24) among its effective capabilities.
  public static func isPrivileged() -> Bool {
    isPrivileged(status: KernelText.read("/proc/self/status") ?? [])
  }

  static func isPrivileged(status: [UInt8]) -> Bool {
    for line in ASCII.lines(status[...]) {
      let words = ASCII.words(line)
      guard words.count == 2, words[0].elementsEqual("CapEff:".utf8) else { continue }
      return (UInt64(ASCII.string(words[1]), radix: 16) ?? 0) & (1 << 24) != 0
    }
    return false
  }

  /// An event for each window in which the machine's tasks waited longer than this.
  public func watchSystem() throws(CgroupError) -> CgroupEvent { try watch(Self.systemPath) }

  /// The kernel takes one trigger for each opening of the file, and replaces the last byte by a zero.
  var text: String { "\(kind.rawValue) \(stallMicroseconds) \(windowMicroseconds)\n" }

  func watch(_ path: String) throws(CgroupError) -> CgroupEvent {
    do throws(SystemError) {
      let file = try FileDescriptor.open(path, for: .readingAndWriting)
      try file.write(text, subject: path)
      return CgroupEvent(descriptor: file, source: .trigger)
    } catch {
      throw .refused(error, advice: Self.advice(error.errno))
    }
  }

  private static func advice(_ errno: Errno) -> String {
    switch errno {
    case .noSuchFile, .operationNotSupported:
      "this kernel does not measure pressure: build it with CONFIG_PSI, start it with psi=1"
    case .notPermitted, .permissionDenied:
      "before Linux 6.4 a pressure trigger needs CAP_SYS_RESOURCE"
    case .invalidArgument:
      "without CAP_SYS_RESOURCE the window must be a multiple of 2 s"
    default: ""
    }
  }
}
