import Basics
import LinuxSystem

/// Why something with a control group cannot be done; the description is one line for a person.
public enum CgroupError: Error, Equatable, CustomStringConvertible {
  /// No hierarchy is mounted at all.
  case notMounted
  /// A limit was asked for whose controller this machine lacks. `limit` is what was asked for, as `memory limit`.
  case controllerAbsent(CgroupController, limit: String, absence: CgroupAbsence)
  /// A group's name that could lead elsewhere or that no file system takes.
  case badName(String, reason: String)
  /// A limit or trigger that cannot be meant; the text says what would be right.
  case badValue(String)
  /// The kernel refused. `advice` is what that refusal means here, or empty.
  case refused(SystemError, advice: String)

  public var description: String {
    switch self {
    case .notMounted:
      "find control groups: none is mounted: mount -t cgroup2 none /sys/fs/cgroup"
    case .controllerAbsent(let controller, let limit, let absence):
      "set \(limit): no \(controller.rawValue) controller: \(absence.advice(controller))"
    case .badName(let name, let reason):
      "control group name \(name): \(reason)"
    case .badValue(let text):
      text
    case .refused(let error, let advice):
      advice.isEmpty ? "\(error)" : "\(error) (\(advice))"
    }
  }

  /// The kernel's reason, if it was the kernel that refused.
  public var errno: Errno? {
    if case .refused(let error, _) = self { return error.errno }
    return nil
  }
}

extension Errno {
  static let argumentListTooLong = Errno(rawValue: 7)
  static let operationNotSupported = Errno(rawValue: 95)
}

/// What an error number means for a given control file: the kernel's numbers are few and its reasons many.
enum CgroupAdvice {
  static func text(_ error: SystemError) -> String {
    let file = lastComponent(error.subject)
    switch (file, error.errno) {
    case ("cgroup.subtree_control", .busy):
      return "this group holds processes itself, so its controllers cannot be handed down: move them into a child group"
    case ("cgroup.subtree_control", .noSuchFile):
      return "a controller is not available in this group: enable it in the group above"
    case (_, .operationNotSupported) where file.utf8.starts(with: "cgroup.".utf8):
      return "the group is threaded, and containers need a domain group"
    case ("memory.limit_in_bytes", .busy), ("memory.memsw.limit_in_bytes", .busy):
      return "the group uses more than that and the kernel cannot reclaim it"
    case ("memory.limit_in_bytes", .invalidArgument):
      return "the limit is above the group's limit of memory and swap: remove the group that was left over"
    case ("memory.use_hierarchy", .busy):
      return "the group has children that are not counted in it: remove them first"
    case ("cpu.cfs_quota_us", .noSuchFile), ("cpu.cfs_period_us", .noSuchFile), ("cpu.max", .noSuchFile):
      return "this kernel was built without CONFIG_CFS_BANDWIDTH"
    case ("cpu.cfs_quota_us", .invalidArgument), ("cpu.max", .invalidArgument):
      return "a group cannot have more than the group above, nor less than 1 ms in each period"
    case ("pids.max", .noSuchFile), ("memory.max", .noSuchFile):
      return "the controller was not enabled in the group above"
    case (_, .readOnlyFileSystem):
      return "control groups are mounted read-only here: remount them read-write"
    case (_, .permissionDenied), (_, .notPermitted):
      return "run as root, or have the group handed over to this user"
    case (_, .noSpace) where error.action == "make directory":
      return "the limit of groups is reached: cgroup.max.descendants or 65535 memory groups"
    default:
      return ""
    }
  }

  static func lastComponent(_ path: String) -> String {
    ASCII.string(path.utf8.reversed().prefix { $0 != UInt8(ascii: "/") }.reversed())
  }
}

/// Runs one system operation and explains its failure.
func explained<Value: ~Copyable>(_ body: () throws(SystemError) -> Value) throws(CgroupError) -> Value {
  do throws(SystemError) {
    return try body()
  } catch {
    throw .refused(error, advice: CgroupAdvice.text(error))
  }
}
