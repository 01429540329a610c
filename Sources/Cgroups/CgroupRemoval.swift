import LinuxSystem

/// What became of a `remove()`.
public enum CgroupRemoval: Equatable, Sendable {
  /// The group is gone, with all below it.
  case removed
  /// The group of this path has processes that have not ended yet: try again in a moment, or `kill()` first.
  case busy(path: String)
}

extension Cgroup {
  /// Removes the group and the groups below it from all hierarchies, also what a `create` that failed half way left; one
  /// that is gone is as good. The groups above stay.
  public func remove() throws(CgroupError) -> CgroupRemoval {
    var outcome = CgroupRemoval.removed
    for directory in directories {
      if try Self.removeOne(directory) { continue }
      // Busy by its processes or by groups below it; those go first.
      for each in try Self.tree(directory).reversed() where try !Self.removeOne(each) { outcome = .busy(path: each) }
    }
    return outcome
  }

  /// False if it is busy.
  private static func removeOne(_ directory: String) throws(CgroupError) -> Bool {
    do throws(SystemError) {
      try Files.removeDirectory(directory)
      return true
    } catch {
      // A file of the kernel's has that name, so there is no such group.
      if error.errno == .notDirectory { return true }
      // A directory that is not the kernel's says "not empty".
      if error.errno == .busy || error.errno == .notEmpty { return false }
      throw .refused(error, advice: CgroupAdvice.text(error))
    }
  }
}
