import Basics
import LinuxSystem

/// A control group, by its name below the hierarchies' mount points; on v1 that is one directory in each hierarchy.
///
/// The value is only a name: it exists without the group, and plans are made without touching anything.
public struct Cgroup: Equatable, Sendable, CustomStringConvertible {
  public let layout: CgroupLayout
  /// As `microagent/web`.
  public let name: String
  /// The controllers this group uses, of those the machine has.
  public let controllers: [CgroupController]

  /// The kernel's limit for one component of a name.
  public static let componentLimitBytes = 255
  /// Far below PATH_MAX with any mount point and control file's name.
  public static let nameLimitBytes = 2048

  /// - Parameter controllers: those that are wanted; one that the machine lacks is left out here, and told once a limit
  ///   needs it.
  public init(
    _ name: String, in layout: CgroupLayout, controllers: [CgroupController] = CgroupController.forContainers
  ) throws(CgroupError) {
    try Self.check(name)
    self.init(checked: name, layout, controllers.filter { layout.has($0) })
  }

  init(checked name: String, _ layout: CgroupLayout, _ controllers: [CgroupController]) {
    self.layout = layout
    self.name = name
    self.controllers = controllers
  }

  public var description: String { name }

  /// The group of that name in this one.
  public func child(_ name: String) throws(CgroupError) -> Cgroup {
    let path = self.name + "/" + name
    try Self.check(path)
    return Cgroup(checked: path, layout, controllers)
  }

  private static func check(_ name: String) throws(CgroupError) {
    if name.utf8.count > nameLimitBytes { throw .badName(name, reason: "longer than \(nameLimitBytes) bytes") }
    for component in ASCII.split(Array(name.utf8)[...], at: UInt8(ascii: "/")) {
      if component.isEmpty { throw .badName(name, reason: "a part between slashes is empty") }
      if component.elementsEqual(".".utf8) || component.elementsEqual("..".utf8) {
        throw .badName(name, reason: "it may not hold . or ..")
      }
      if component.count > componentLimitBytes {
        throw .badName(name, reason: "a part is longer than \(componentLimitBytes) bytes")
      }
      // A newline would break the lines of /proc/self/cgroup.
      if component.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
        throw .badName(name, reason: "it may not hold control characters")
      }
    }
  }

  // MARK: Where it lies

  /// The group's directories, one in each hierarchy that has one of its controllers.
  public var directories: [String] {
    usedHierarchies.map { $0.mountPoint + "/" + name }
  }

  /// The group's directory in the hierarchy of a controller; nil if this machine lacks it.
  public func directory(of controller: CgroupController) -> String? {
    layout.hierarchy(of: controller).map { $0.mountPoint + "/" + name }
  }

  var usedHierarchies: [CgroupLayout.Hierarchy] {
    if layout.version == .v2 { return layout.hierarchies }
    return layout.hierarchies.filter { hierarchy in controllers.contains { hierarchy.controllers.contains($0) } }
  }

  /// The v2 group's one directory.
  var unifiedDirectory: String { layout.hierarchies[0].mountPoint + "/" + name }

  /// Whether the group exists, in any hierarchy.
  public var exists: Bool { directories.contains { Files.isDirectory($0) } }

  // MARK: Plans

  /// The steps that make the group, with those above it, and set its limits.
  ///
  /// - Parameter withParents: false where the groups above were made before, which saves their steps at every start.
  public func create(_ limits: CgroupLimits = .unlimited, withParents: Bool = true) throws(CgroupError) -> CgroupPlan {
    try limits.check(on: layout)
    let settings = settings(from: .unlimited, to: limits)
    let operations = making(withParents: withParents, holdsGroups: false) + settings.operations
    return CgroupPlan(operations: operations, caveats: settings.caveats)
  }

  /// The steps that make the group as one that only holds others, which can then be made without `withParents`.
  public func createParent(_ limits: CgroupLimits = .unlimited) throws(CgroupError) -> CgroupPlan {
    try limits.check(on: layout)
    let settings = settings(from: .unlimited, to: limits)
    let operations = making(withParents: true, holdsGroups: true) + settings.operations
    return CgroupPlan(operations: operations, caveats: settings.caveats)
  }

  /// The steps that change the limits of a group that was made with `old`, in the order that the kernel takes.
  public func update(from old: CgroupLimits, to new: CgroupLimits) throws(CgroupError) -> CgroupPlan {
    try new.check(on: layout)
    return settings(from: old, to: new)
  }

  /// The steps that open what a new child gets into the group by.
  public func joinOperations() -> [CgroupOperation] {
    switch layout.version {
    case .v1: directories.map { .openForJoin(path: $0 + "/tasks", way: .tasks) }
    case .v2: [.openForJoin(path: unifiedDirectory, way: .cloneInto)]
    }
  }

  /// Does `joinOperations()`.
  public func openForJoin() throws(CgroupError) -> CgroupJoin {
    var join = CgroupJoin()
    for operation in joinOperations() { try operation.perform(into: &join) }
    return join
  }

  private func making(withParents: Bool, holdsGroups: Bool) -> [CgroupOperation] {
    switch layout.version {
    case .v1: V1.make(self, withParents: withParents, holdsGroups: holdsGroups)
    case .v2: V2.make(self, withParents: withParents, holdsGroups: holdsGroups)
    }
  }

  private func settings(from old: CgroupLimits, to new: CgroupLimits) -> CgroupPlan {
    layout.version == .v1 ? V1.settings(self, from: old, to: new) : V2.settings(self, from: old, to: new)
  }

  /// `microagent/web` gives `microagent`, `microagent/web`.
  static func prefixes(of name: String) -> [String] {
    var result: [String] = []
    let bytes = Array(name.utf8)
    for index in bytes.indices where bytes[index] == UInt8(ascii: "/") { result.append(ASCII.string(bytes[..<index])) }
    result.append(name)
    return result
  }
}

/// The back end for control groups v1, in a file for each topic.
enum V1 {}

/// The back end for control groups v2, in a file for each topic.
enum V2 {}
