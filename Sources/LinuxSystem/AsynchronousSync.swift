import CSystem

/// Makes files durable without waiting for the disk: the kernel syncs meanwhile, and an event descriptor becomes readable
/// when it is done (Linux native AIO; no thread).
public final class AsynchronousSync {
  /// What a sync includes.
  public enum Extent: Sendable {
    /// The data, and what is needed to find them, such as the size (fdatasync(2)).
    case data
    /// All (fsync(2)).
    case everything
  }

  /// Syncs that may be under way at once.
  public static let capacity: UInt32 = 4

  private let context: UInt
  private let event: FileDescriptor

  /// Fails with one line that says what to do if the kernel was built without asynchronous I/O.
  public init() throws(SystemError) {
    event = FileDescriptor(owning: try check(system_eventfd(), "make", "an event descriptor"))
    var made: UInt = 0
    let result = system_aio_setup(Self.capacity, &made)
    if result == -Errno.notImplemented.rawValue {
      throw SystemError(
        "set up asynchronous I/O", "(the kernel must be built with CONFIG_AIO=y)", .notImplemented)
    }
    try check(result, "set up asynchronous I/O", "(see /proc/sys/fs/aio-max-nr)")
    context = made
  }

  /// Waits for the syncs that are under way: the kernel offers no other end.
  deinit {
    _ = system_aio_destroy(context)
  }

  /// Readable when a sync has ended, or after `wake()`.
  public var completionDescriptor: CInt { event.rawValue }

  /// Starts a sync of an open file. Its end is told by `nextCompletion` with this `tag`.
  public func start(_ descriptor: CInt, _ extent: Extent, tag: UInt64) throws(SystemError) {
    let dataOnly: CInt = extent == .data ? 1 : 0
    try check(system_aio_sync(context, descriptor, dataOnly, event.rawValue, tag), "start a sync of", "a file")
  }

  /// Makes `completionDescriptor` readable though no sync has ended.
  public func wake() {
    var one: UInt64 = 1
    _ = system_write(event.rawValue, &one, 8)
  }

  /// Makes `completionDescriptor` unreadable until something new happens: the first thing to do when it is readable.
  public func acknowledgeWake() {
    var count: UInt64 = 0
    _ = system_read(event.rawValue, &count, 8)
  }

  /// Waits until `completionDescriptor` is readable: for the end of a program, not for a running loop.
  public func waitForWake() {
    var wait = pollfd(fd: event.rawValue, events: Int16(POLLIN), revents: 0)
    _ = poll(&wait, 1, -1)
  }

  /// A sync that has ended, with the reason if it failed; nil if there is none. Never waits.
  public func nextCompletion() -> (tag: UInt64, failure: Errno?)? {
    var tag: UInt64 = 0
    var result: Int64 = 0
    guard system_aio_completed(context, &tag, &result) == 1 else { return nil }
    return (tag, result < 0 ? Errno(rawValue: CInt(truncatingIfNeeded: -result)) : nil)
  }
}
