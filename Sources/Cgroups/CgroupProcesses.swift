import Basics
import LinuxSystem

/// What is left after a `kill()`.
public enum CgroupKill: Equatable, Sendable {
  /// Nothing was there, or the kernel was told to end all of it (v2), or every process seen got SIGKILL and no new one
  /// came. They end soon: `isPopulated` tells when.
  case done
  /// New processes kept coming faster than they were ended: set a pids limit and try again.
  case stillForking
}

extension Cgroup {
  /// Rounds of listing and killing before `stillForking` is told.
  static let killRounds = 16
  /// Groups below one group that are looked at; a container that makes more keeps its group busy.
  static let descendantLimit = 1024
  /// A million processes' numbers.
  static let processListLimitBytes = 8 << 20

  /// The processes of the group and of those below it, each once, in rising order. A group that is gone has none.
  public func processes() throws(CgroupError) -> [Int32] {
    var found: [Int32] = []
    for directory in directories {
      for each in try Self.tree(directory) { found += try Self.processes(in: each) }
    }
    found.sort()
    var result: [Int32] = []
    for process in found where process != result.last { result.append(process) }
    return result
  }

  /// Whether a process is in the group or below it.
  public func isPopulated() throws(CgroupError) -> Bool {
    if layout.version == .v2 { return V2.isPopulated(self) }
    return try !processes().isEmpty
  }

  /// Ends all processes of the group and below it with SIGKILL. A paused group is resumed if that is what it takes.
  /// This process is never ended, even if it is in the group.
  @discardableResult
  public func kill() throws(CgroupError) -> CgroupKill {
    if layout.version == .v2, try V2.kill(self) { return .done }
    let outcome = try killOneByOne()
    // A process that v1 has frozen takes no signal until it is thawed.
    if layout.version == .v1, let state = try freezerState(), state != .thawed { try thaw() }
    return outcome
  }

  /// What was killed stays listed until it has ended, so a round without a new number is the last.
  private func killOneByOne() throws(CgroupError) -> CgroupKill {
    let own = Signals.ownProcess()
    var killed: Set<Int32> = []
    for _ in 0..<Self.killRounds {
      let fresh = try processes().filter { $0 != own && !killed.contains($0) }
      if fresh.isEmpty { return .done }
      for process in fresh {
        try explained { () throws(SystemError) in try Signals.kill(process) }
        killed.insert(process)
      }
    }
    return .stillForking
  }

  /// Moves a running process into the group. It waits for the kernel, 5 to 25 ms for each hierarchy of v1, so it is for
  /// adopting and for people; a new child gets in by `openForJoin()`.
  public func join(process: Int32) throws(CgroupError) {
    for directory in directories {
      try explained { () throws(SystemError) in try Files.write("\(process)", to: directory + "/cgroup.procs") }
    }
  }

  private static func processes(in directory: String) throws(CgroupError) -> [Int32] {
    do throws(SystemError) {
      let text = try Files.read(directory + "/cgroup.procs", limitBytes: processListLimitBytes)
      return KernelText.processes(text)
    } catch {
      if isGone(error.errno) { return [] }
      throw .refused(error, advice: CgroupAdvice.text(error))
    }
  }

  /// A directory and the groups below it, each after the one above it; empty if it is gone.
  static func tree(_ directory: String) throws(CgroupError) -> [String] {
    var result = [directory]
    var next = 0
    while next < result.count, result.count < descendantLimit {
      do throws(SystemError) {
        for name in try Files.subdirectories(result[next]) { result.append(result[next] + "/" + name) }
        next += 1
      } catch {
        guard isGone(error.errno) else { throw .refused(error, advice: CgroupAdvice.text(error)) }
        result.remove(at: next)
      }
    }
    return result
  }

  /// A group that ended while one looked at it: its directory is gone, or its open files say that there is no device.
  private static func isGone(_ errno: Errno) -> Bool {
    errno == .noSuchFile || errno == .noSuchDevice
  }
}
