import Basics
import CSystem

/// The service manager above the agent, where there is one (systemd's `Type=notify` and watchdog; sd_notify(3)).
struct ServiceManager {
  private let socket: String?
  /// How often it wants to hear that the loop turns; nil: never.
  let watchdogMilliseconds: UInt64?

  init() {
    socket = getenv("NOTIFY_SOCKET").map { String(cString: $0) }
    let microseconds = getenv("WATCHDOG_USEC").flatMap { Decimal.parse(String(cString: $0)) }
    // Half of the limit, as sd_watchdog_enabled(3) advises.
    watchdogMilliseconds = socket == nil ? nil : microseconds.map { max(1, $0 / 2000) }
  }

  func tell(_ message: String) {
    guard let socket else { return }
    _ = system_notify(socket, message)
  }
}
