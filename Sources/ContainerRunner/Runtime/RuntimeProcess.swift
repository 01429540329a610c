import CSystem
import LinuxSystem

/// What an OCI runtime does with the process of its plan, beside what the agent does.
extension ContainerProcess {
  /// To be called once, before a runtime's plan is performed.
  public static func enableRuntimePlans() {
    executor_enable_runtime()
  }

  /// Waits until the container's namespaces are there (`RuntimeSpec.waitsForHooks`). False: its process is gone.
  public static func waitForNamespaces(_ control: borrowing FileDescriptor) throws(SystemError) -> Bool {
    try check(executor_receive(control.rawValue), "wait for the container's namespaces") != 0
  }

  /// Lets it go on when the hooks have run.
  public static func continueAfterHooks(_ control: borrowing FileDescriptor) throws(SystemError) {
    try check(executor_send(control.rawValue, CChar(Step.hooksByte)), "let the container go on")
  }

  /// Tells it that it is recorded, and waits until it needs nobody any more before its start (`RuntimeSpec.start`). False: its
  /// process is gone.
  public static func waitUntilItStandsAlone(_ control: borrowing FileDescriptor) throws(SystemError) -> Bool {
    try check(executor_send(control.rawValue, CChar(Step.recordedByte)), "let the container stand alone")
    return try check(executor_receive(control.rawValue), "wait for the container") != 0
  }

  /// What a failed start left on an error pipe, without its plan; nil: nothing.
  public static func errno(ofFailure bytes: [UInt8]) -> Errno? {
    guard bytes.count == MemoryLayout<executor_failure>.size else { return nil }
    var value: UInt32 = 0
    for index in 0..<4 { value |= UInt32(bytes[4 + index]) << UInt32(8 * index) }
    return Errno(rawValue: CInt(bitPattern: value))
  }
}
