import Basics
import LinuxSystem

extension CgroupLayout {
  /// Reads the layout off this machine.
  ///
  /// - Parameter mountInfo: /proc/self/mountinfo, by whoever has read it already.
  public static func discover(mountInfo: [UInt8]? = nil) throws(CgroupError) -> CgroupLayout {
    let mountInfo = if let mountInfo { mountInfo } else { try read("/proc/self/mountinfo") }
    return try discover(
      mountInfo: mountInfo, selfCgroup: read("/proc/self/cgroup", inOnePiece: true),
      // A kernel without control groups has no such file: nothing is mounted then, which is the error that is told.
      cgroupsTable: (try? read("/proc/cgroups", inOnePiece: true)) ?? [],
      readFile: { path in try? read(path, inOnePiece: true) })
  }

  /// Decides the layout from what the kernel tells, and touches nothing.
  ///
  /// v2 rules if its tree has the memory controller, v1 if a v1 hierarchy has it; where neither has (a kernel that was
  /// started without it) the version with more of the controllers for containers does, v2 if they are equal.
  ///
  /// - Parameters:
  ///   - mountInfo: `/proc/self/mountinfo`
  ///   - selfCgroup: `/proc/self/cgroup`
  ///   - cgroupsTable: `/proc/cgroups`, asked for where a controller is absent; it lists v1's names, so one that has no v1
  ///     part may be missing there
  ///   - readFile: gives a small file inside a mounted hierarchy, nil if there is none: `cgroup.controllers` of v2 and
  ///     `memory.memsw.limit_in_bytes` of v1 are asked for
  public static func discover(
    mountInfo: [UInt8], selfCgroup: [UInt8], cgroupsTable: @autoclosure () -> [UInt8],
    readFile: (String) -> [UInt8]?
  ) throws(CgroupError) -> CgroupLayout {
    let mounts = MountTable(mountInfo: mountInfo)
    let membership = Membership(selfCgroup: selfCgroup)
    let legacy = legacyHierarchies(mounts.visible(type: "cgroup"), membership)
    // A controller is in one hierarchy only: with memory in v1 there is nothing to compare.
    let isDecided = legacy.contains { $0.controllers.contains(.memory) }
    let unified = isDecided ? nil : unifiedHierarchy(mounts.visible(type: "cgroup2"), membership, readFile)

    if let unified, prefersUnified(unified, over: legacy) {
      let absent = allAbsent(from: unified.controllers, builtIn: true, cgroupsTable) { $0.absenceOnUnified($1) }
      return CgroupLayout(version: .v2, hierarchies: [unified], absent: absent)
    }
    if legacy.isEmpty { throw .notMounted }
    let absent = allAbsent(from: legacy.flatMap { $0.controllers }, builtIn: false, cgroupsTable) {
      $0.absenceOnLegacy($1)
    }
    let layout = CgroupLayout(version: .v1, hierarchies: legacy, absent: absent, countsSwap: false)
    let memory = layout.hierarchy(of: .memory)
    let countsSwap = memory.map { readFile($0.mountPoint + "/memory.memsw.limit_in_bytes") != nil } ?? false
    return CgroupLayout(version: .v1, hierarchies: legacy, absent: absent, countsSwap: countsSwap)
  }

  private static func read(_ path: String, inOnePiece: Bool = false) throws(CgroupError) -> [UInt8] {
    // A host with many containers has some thousand mounts of about 200 bytes each.
    try explained { () throws(SystemError) in try Files.read(path, limitBytes: 4 << 20, inOnePiece: inOnePiece) }
  }

  private static func prefersUnified(_ unified: Hierarchy, over legacy: [Hierarchy]) -> Bool {
    if unified.controllers.contains(.memory) { return true }
    let legacyControllers = legacy.flatMap { $0.controllers }
    let wanted = CgroupController.forContainers.filter { !$0.isBuiltIntoUnified }
    return wanted.count { unified.controllers.contains($0) } >= wanted.count { legacyControllers.contains($0) }
      && (legacyControllers.isEmpty || !unified.controllers.isEmpty)
  }

  /// One hierarchy for each set of controllers, by its best mount.
  private static func legacyHierarchies(_ mounts: [Mount], _ membership: Membership) -> [Hierarchy] {
    var result: [Hierarchy] = []
    for controller in CgroupController.allCases where !result.contains(where: { $0.controllers.contains(controller) }) {
      let holding = mounts.filter { mount in
        mount.options.contains { $0.elementsEqual(controller.legacyName.utf8) }
      }
      guard let mount = best(holding) else { continue }
      let controllers = CgroupController.allCases.filter { candidate in
        mount.options.contains { $0.elementsEqual(candidate.legacyName.utf8) }
      }
      result.append(
        Hierarchy(
          mountPoint: mount.mountPoint, controllers: controllers,
          ownDirectory: membership.legacyPath(of: controller).flatMap { directory(of: $0, in: mount) }))
    }
    return result
  }

  private static func unifiedHierarchy(
    _ mounts: [Mount], _ membership: Membership, _ readFile: (String) -> [UInt8]?
  ) -> Hierarchy? {
    guard let mount = best(mounts) else { return nil }
    let words = ASCII.words((readFile(mount.mountPoint + "/cgroup.controllers") ?? [])[...])
    return Hierarchy(
      mountPoint: mount.mountPoint, controllers: words.compactMap { CgroupController(unifiedName: $0) },
      ownDirectory: membership.unifiedPath.flatMap { directory(of: $0, in: mount) })
  }

  /// Of several mounts of one hierarchy the one that shows most of it.
  private static func best(_ mounts: [Mount]) -> Mount? {
    mounts.min { $0.root.utf8.count < $1.root.utf8.count }
  }

  /// Where a group of the hierarchy is seen below a mount that may show only a part of it.
  private static func directory(of path: String, in mount: Mount) -> String? {
    if path == mount.root || path == "/" && mount.root == "/" { return mount.mountPoint }
    let prefix = mount.root == "/" ? "/" : mount.root + "/"
    guard path.utf8.starts(with: prefix.utf8) else { return nil }
    return mount.mountPoint + "/" + ASCII.string(path.utf8.dropFirst(prefix.utf8.count))
  }

  private static func allAbsent(
    from present: [CgroupController], builtIn: Bool, _ table: () -> [UInt8],
    reason: (KernelControllers, CgroupController) -> CgroupAbsence
  ) -> [Absent] {
    let absent = CgroupController.allCases.filter { !present.contains($0) && !(builtIn && $0.isBuiltIntoUnified) }
    if absent.isEmpty { return [] }
    let kernel = KernelControllers(table: table())
    return absent.map { Absent($0, reason(kernel, $0)) }
  }
}

/// `/proc/self/cgroup`: lines of hierarchy number, controllers and path; v2's has number 0 and no controllers.
private struct Membership {
  var unifiedPath: String?
  private var legacy: [(controllers: [ArraySlice<UInt8>], path: String)] = []

  init(selfCgroup: [UInt8]) {
    for line in ASCII.lines(selfCgroup[...]) {
      // A path may hold colons, so only the first two divide.
      let parts = line.split(separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      if parts[0].elementsEqual("0".utf8), parts[1].isEmpty {
        unifiedPath = ASCII.string(parts[2])
      } else {
        legacy.append((ASCII.split(parts[1], at: UInt8(ascii: ",")), ASCII.string(parts[2])))
      }
    }
  }

  func legacyPath(of controller: CgroupController) -> String? {
    legacy.first { $0.controllers.contains { $0.elementsEqual(controller.legacyName.utf8) } }?.path
  }
}

/// `/proc/cgroups`: name, v1 hierarchy (0 if on none), number of groups, whether enabled.
private struct KernelControllers {
  private var rows: [(controller: CgroupController, hierarchy: UInt64, enabled: Bool)] = []

  init(table: [UInt8]) {
    for line in ASCII.lines(table[...]) {
      let words = ASCII.words(line)
      guard words.count >= 4, let controller = CgroupController(legacyName: words[0]),
        let hierarchy = Decimal.parse(words[1]), let enabled = Decimal.parse(words[3])
      else { continue }
      rows.append((controller, hierarchy, enabled != 0))
    }
  }

  func absenceOnLegacy(_ controller: CgroupController) -> CgroupAbsence {
    guard let row = rows.first(where: { $0.controller == controller }) else { return .notBuilt }
    return row.enabled ? .notMounted : .disabled
  }

  func absenceOnUnified(_ controller: CgroupController) -> CgroupAbsence {
    guard let row = rows.first(where: { $0.controller == controller }) else { return .notBuilt }
    if !row.enabled { return .disabled }
    return row.hierarchy == 0 ? .notDelegated : .heldByLegacy
  }
}
