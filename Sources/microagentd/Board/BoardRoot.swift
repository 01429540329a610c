import CSystem
import LinuxSystem

/// Where the kernel shows the board: its watchdog, lights and button. For tests that is a directory which looks like it.
struct BoardRoot {
  private let prefix: String

  /// Reads `MICROAGENT_BOARD_ROOT`; without it, the kernel's own files are meant.
  init() {
    prefix = getenv("MICROAGENT_BOARD_ROOT").map { String(cString: $0) } ?? ""
  }

  var watchdog: String { prefix + "/dev/watchdog0" }
  var inputs: String { prefix + "/dev/input" }
  var lights: String { prefix + "/sys/class/leds" }

  /// Why the board was started last, as its watchdog's driver knows it (watchdog-api.rst).
  var bootStatus: String { prefix + "/sys/class/watchdog/watchdog0/bootstatus" }

  var bootID: String { ProcessStatus.bootID(below: prefix) }
}
