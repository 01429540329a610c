import CUV
import LinuxSystem

/// What may happen to a descriptor (poll(2)).
public struct DescriptorEvents: OptionSet, Sendable {
  public let rawValue: CInt

  public init(rawValue: CInt) {
    self.rawValue = rawValue
  }

  /// There is something to read, or the end.
  public static let readable = DescriptorEvents(rawValue: 1)
  /// A write would not wait.
  public static let writable = DescriptorEvents(rawValue: 2)
  /// The other end was closed.
  public static let disconnected = DescriptorEvents(rawValue: 4)
  /// POLLPRI: a kernel file has news (pressure, cgroup.events).
  public static let priority = DescriptorEvents(rawValue: 8)
}

/// Calls a closure while a descriptor is ready: as long as it is, each turn of the loop. The closure reads or writes, or
/// calls `stop()`.
public final class DescriptorWatcher {
  /// What happened, or why nothing more will be told: an error ends the watch, and the descriptor is of no more use.
  public enum Event {
    case ready(DescriptorEvents)
    case failed(SystemError)
  }

  private var handle: Handle<uv_poll_t>
  private var owned: FileDescriptor?
  private var onEvent: ((Event) -> Void)?

  /// The watched descriptor; valid until `close()` if the watcher owns it.
  public let descriptor: CInt

  /// Watches a descriptor that the caller keeps, and closes only after this watcher is closed. The descriptor is made
  /// non-blocking. Regular files cannot be watched (EPERM).
  public init(on loop: EventLoop, borrowing descriptor: CInt, onEvent: @escaping (Event) -> Void) throws(SystemError) {
    self.descriptor = descriptor
    handle = try Self.poll(loop, descriptor)
    owned = nil
    self.onEvent = onEvent
    handle.callsBack(self)
  }

  /// The same of a descriptor that the watcher closes at its end.
  public init(
    on loop: EventLoop, owning descriptor: consuming FileDescriptor, onEvent: @escaping (Event) -> Void
  ) throws(SystemError) {
    let raw = descriptor.rawValue
    self.descriptor = raw
    handle = try Self.poll(loop, raw)
    owned = consume descriptor
    self.onEvent = onEvent
    handle.callsBack(self)
  }

  private static func poll(_ loop: EventLoop, _ descriptor: CInt) throws(SystemError) -> Handle<uv_poll_t> {
    try Handle(on: loop, "watch", "descriptor \(descriptor)") { uv_poll_init($0, $1, descriptor) }
  }

  // The watch leaves epoll before the descriptor is closed, or the kernel could keep it for a duplicate elsewhere.
  deinit { handle.close() }

  /// Watches for `events` from now on, instead of any before.
  public func start(_ events: DescriptorEvents) throws(SystemError) {
    guard let pointer = handle.pointer else { throw SystemError("watch", "a closed descriptor", .badDescriptor) }
    let result = uv_poll_start(pointer, events.rawValue, descriptorIsReady)
    if result < 0 { throw systemError(result, "watch", "descriptor \(descriptor)") }
  }

  /// Watches for nothing until started again.
  public func stop() {
    if let pointer = handle.pointer { uv_poll_stop(pointer) }
  }

  /// Ends the watch, and closes the descriptor if it is owned.
  public func close() {
    handle.close()
    owned = nil
    onEvent = nil
  }

  fileprivate func ready(_ status: CInt, _ events: CInt) {
    let call = onEvent
    if status < 0 {
      stop()
      call?(.failed(systemError(status, "watch", "descriptor \(descriptor)")))
    } else {
      call?(.ready(DescriptorEvents(rawValue: events)))
    }
  }
}

private func descriptorIsReady(_ handle: UnsafeMutablePointer<uv_poll_t>?, _ status: CInt, _ events: CInt) {
  owner(of: handle, as: DescriptorWatcher.self)?.ready(status, events)
}
