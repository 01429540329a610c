import CSystem
import LinuxSystem

/// A container's terminal that is shown in the caller's: what one types goes there, and what it writes comes here.
struct Terminal: ~Copyable {
  private let terminal: FileDescriptor
  /// A process of its own: a program that reads nothing must not keep what it writes from being shown.
  private let input: Int32
  private var isOpen = true

  /// - Parameter terminal: its upper side.
  init(_ terminal: consuming FileDescriptor) throws(Failure) {
    self.terminal = terminal
    _ = system_terminal_follow_size(self.terminal.rawValue)
    let descriptor = self.terminal.rawValue
    input = try telling { () throws(SystemError) in
      try check(system_copy_input(descriptor), "start a process for", "the terminal's input")
    }
    // Where the input is no terminal there is nothing to change.
    _ = system_terminal_make_raw()
  }

  deinit {
    collect(input)
    system_terminal_restore()
  }

  /// What to wait for; -1: nobody writes to it any more.
  var descriptor: CInt { isOpen ? terminal.rawValue : -1 }

  func followSize() { _ = system_terminal_follow_size(terminal.rawValue) }

  /// Shows what is there now.
  mutating func show() {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = bytes.withUnsafeMutableBytes { system_read(terminal.rawValue, $0.baseAddress, $0.count) }
    // The last program that had it open is gone.
    guard count > 0 else {
      isOpen = false
      return
    }
    Streams.write(bytes[..<Int(count)])
  }

  /// The same of all that is there.
  mutating func showRest() {
    var ready: CInt = 0
    while isOpen, case var watched = terminal.rawValue, system_wait_readable(&watched, &ready, 1, 0) > 0 { show() }
  }
}
