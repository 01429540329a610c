import LinuxSystem

/// A descriptor that becomes ready when something happens to a group's memory. It ends with this value.
///
/// Poll `descriptor` for `readiness`; when it is ready, call `acknowledge()` and then look at what one wants to know
/// (`oomKills()`, `exists`): an event says that something may have happened, never how often, and the end of the group
/// is told as an event as well.
@frozen
public struct CgroupEvent: ~Copyable {
  /// What to poll for.
  public enum Readiness: Equatable, Sendable {
    /// POLLIN.
    case readable
    /// POLLPRI; it comes with POLLERR, which then is no error.
    case priority
  }

  @usableFromInline
  enum Source {
    /// An event counter that v1 adds to.
    case counter
    /// A file of v2 that is ready until it is read again.
    case file
    /// A pressure trigger, which the kernel arms again by itself.
    case trigger
  }

  public let descriptor: FileDescriptor
  @usableFromInline let source: Source

  public var readiness: Readiness { source == .counter ? .readable : .priority }

  /// Takes note of the event, so that the descriptor becomes ready at the next one only.
  public borrowing func acknowledge() {
    switch source {
    case .counter: descriptor.drainEventCounter()
    // That the group is gone is an answer too.
    case .file: _ = try? descriptor.readFromStart(subject: "")
    case .trigger: break
    }
  }
}

extension Cgroup {
  /// An event for each time that memory ran out in the group. Ask `oomKills()` for what came of it.
  public func watchOutOfMemory() throws(CgroupError) -> CgroupEvent {
    try layout.require(.memory, for: "out-of-memory event")
    return layout.version == .v1 ? try V1.watchOutOfMemory(self) : try V2.watchOutOfMemory(self)
  }

  /// An event for each time that the group's memory use crosses a number of bytes, in either direction. v1 only; v2 has
  /// `watchPressure` for what one wants to know by it.
  public func watchMemoryUsage(thresholdBytes: UInt64) throws(CgroupError) -> CgroupEvent {
    try layout.require(.memory, for: "memory usage event")
    guard layout.version == .v1 else {
      throw .badValue("memory usage event: control groups v2 have none: watch the group's pressure")
    }
    return try V1.watchMemoryUsage(self, thresholdBytes)
  }

  /// An event for each window in which the group's processes waited for memory longer than the trigger says. v2 only;
  /// `PressureTrigger.watchSystem` does the same for the whole machine on either version.
  public func watchPressure(_ trigger: PressureTrigger) throws(CgroupError) -> CgroupEvent {
    guard layout.version == .v2 else {
      throw .badValue("group pressure event: control groups v1 have none: watch the group's memory usage")
    }
    return try trigger.watch(unifiedDirectory + "/memory.pressure")
  }
}
