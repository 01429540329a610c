/// How this machine's control groups are mounted: which version rules, where, and with which controllers.
public struct CgroupLayout: Equatable, Sendable {
  public enum Version: Equatable, Sendable, CustomStringConvertible {
    case v1, v2

    public var description: String { self == .v1 ? "v1" : "v2" }
  }

  /// One tree of groups. v2 has one with all controllers; v1 has one for each controller or few.
  public struct Hierarchy: Equatable, Sendable {
    /// Where its outermost group that can be seen lies.
    public let mountPoint: String
    public let controllers: [CgroupController]
    /// The directory of the group that this process is in; nil if it lies outside what is mounted.
    public let ownDirectory: String?

    public init(mountPoint: String, controllers: [CgroupController], ownDirectory: String? = nil) {
      self.mountPoint = mountPoint
      self.controllers = controllers
      self.ownDirectory = ownDirectory
    }
  }

  /// A controller that cannot be used, and why.
  public struct Absent: Equatable, Sendable {
    public let controller: CgroupController
    public let absence: CgroupAbsence

    public init(_ controller: CgroupController, _ absence: CgroupAbsence) {
      self.controller = controller
      self.absence = absence
    }
  }

  public let version: Version
  /// On v2 exactly one, on v1 at least one, each with at least one controller.
  public let hierarchies: [Hierarchy]
  public let absent: [Absent]
  /// Whether memory and swap can be limited together on v1 (`swapaccount=1`). Always true on v2, where a kernel that
  /// lacks the limit has no swap.
  public let countsSwap: Bool

  /// A layout as given, for instance below a directory of a test's own.
  public init(version: Version, hierarchies: [Hierarchy], absent: [Absent] = [], countsSwap: Bool = true) {
    self.version = version
    self.hierarchies = hierarchies
    self.absent = absent
    self.countsSwap = countsSwap
  }

  /// The tree that has a controller, or nil.
  public func hierarchy(of controller: CgroupController) -> Hierarchy? {
    if version == .v2, controller.isBuiltIntoUnified { return hierarchies.first }
    return hierarchies.first { $0.controllers.contains(controller) }
  }

  public func has(_ controller: CgroupController) -> Bool {
    hierarchy(of: controller) != nil
  }

  /// Throws the error that names the controller and what to do, if this machine lacks it. `limit` is what was wanted of
  /// it, as `memory limit`.
  public func require(_ controller: CgroupController, for limit: String) throws(CgroupError) {
    if has(controller) { return }
    let absence = absent.first { $0.controller == controller }?.absence ?? .notBuilt
    throw .controllerAbsent(controller, limit: limit, absence: absence)
  }
}
