import Basics
import CSystem
import LinuxSystem

/// The board's hardware watchdog (watchdog-api.rst): resets the board where it is not fed.
///
/// It is never stopped. A system that hangs while it ends is to be reset, too; and an agent that was started again has opened
/// the device before the time is over.
final class HardwareWatchdog {
  private let device: FileDescriptor
  /// After so long without food the board is reset.
  let timeoutSeconds: UInt64
  /// The hardware says that it was this watchdog that started the board last.
  let hasReset: Bool

  /// Of which food comes four times. As long as the slowest flash card takes for what an end writes.
  private static let wishedSeconds: CInt = 60
  /// WDIOF_CARDRESET
  private static let cardReset: UInt64 = 0x20

  /// Starts the watchdog; nil: the board has none, or somebody else feeds it.
  init?(_ root: BoardRoot) {
    do throws(SystemError) {
      device = try FileDescriptor.open(root.watchdog, for: .readingAndWriting)
    } catch {
      if error.errno != .noSuchFile { Diagnostics.line("\(error): this board is not reset when the agent hangs") }
      return nil
    }
    // A driver that cannot be asked keeps its own time, of which nothing is known; most have a minute.
    let seconds = system_watchdog_timeout(device.rawValue, Self.wishedSeconds)
    timeoutSeconds = UInt64(seconds > 0 ? seconds : Self.wishedSeconds)
    let status = system_watchdog_boot_status(device.rawValue)
    let shown = (try? Files.read(root.bootStatus)).flatMap { Decimal.parse(ASCII.trim($0[...])) } ?? 0
    hasReset = (status >= 0 ? UInt64(status) : shown) & Self.cardReset != 0
  }

  /// Any letter is food but V, which would stop it.
  func feed() {
    try? device.write(".", subject: "the watchdog")
  }
}
