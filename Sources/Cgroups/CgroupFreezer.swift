import LinuxSystem

/// How far a group is with being paused.
public enum CgroupFreezerState: Equatable, Sendable {
  case thawed
  /// It was told to freeze, and some process has not stopped yet.
  case freezing
  case frozen
}

extension Cgroup {
  /// Starts to pause all processes of the group. It takes a moment: ask `freezerState()` until it says `frozen`, for as
  /// long as the caller cares to. On v1 a group that stays `freezing` is nudged by calling this again.
  public func freeze() throws(CgroupError) { try setFrozen(true) }

  /// Lets the processes of the group go on.
  public func thaw() throws(CgroupError) { try setFrozen(false) }

  /// Nil where v1 has no freezer for this group, or the group is gone.
  public func freezerState() throws(CgroupError) -> CgroupFreezerState? {
    layout.version == .v1 ? V1.freezerState(self) : V2.freezerState(self)
  }

  private func setFrozen(_ frozen: Bool) throws(CgroupError) {
    try layout.require(.freezer, for: "pause")
    let (path, text) = layout.version == .v1 ? V1.freezing(self, frozen) : V2.freezing(self, frozen)
    try explained { () throws(SystemError) in try Files.write(text, to: path) }
  }
}
