import CSystem

extension ContainerSpec {
  /// Finds what could not be started before anything is touched.
  func check(_ facts: HostFacts, rootMagic: UInt64) throws(PlanError) {
    if facts.kernel < .oldestSupported { throw PlanError(name, .kernelTooOld(facts.kernel)) }
    if process.args.first?.isEmpty ?? true { throw PlanError(name, .noProgram) }
    try checkNamespaces(facts)
    try checkPaths()
    try checkLimits()
    guard needsIDMappedMounts else { return }
    let needsMappedRoot = !root.idsAreMapped
    if needsMappedRoot && !facts.canMapIDs(fileSystemMagic: rootMagic, belowOverlay: root.isOverlay)
      || !facts.canChangeDetachedMounts
    {
      throw PlanError(name, .cannotMapIDs(path: root.path, facts.kernel))
    }
  }

  /// Some mount shows files whose ids are the host's to a container that has ids of its own.
  var needsIDMappedMounts: Bool {
    namespaces.contains(.user) && (!root.idsAreMapped || mounts.contains { $0.isBind && $0.options.contains(.idmap) })
  }

  func checkNamespaces(_ facts: HostFacts) throws(PlanError) {
    if !namespaces.contains(.mount) { throw PlanError(name, .noMountNamespace) }
    if namespaces.contains(.time) && !facts.hasTimeNamespaces { throw PlanError(name, .noTimeNamespaces) }
    if !namespaces.contains(.uts) && !hostname.isEmpty { throw PlanError(name, .hostnameWithoutNamespace) }
    guard namespaces.contains(.user) else { return }
    guard IDMapping.hostID(of: 0, in: uidMappings) != nil, IDMapping.hostID(of: 0, in: gidMappings) != nil else {
      throw PlanError(name, .noMapping)
    }
    if IDMapping.hostID(of: process.user.uid, in: uidMappings) == nil {
      throw PlanError(name, .notMapped(kind: "user", id: process.user.uid))
    }
    for gid in [process.user.gid] + process.user.additionalGids
    where IDMapping.hostID(of: gid, in: gidMappings) == nil {
      throw PlanError(name, .notMapped(kind: "group", id: gid))
    }
  }

  private func checkPaths() throws(PlanError) {
    var paths = [root.path, process.cwd] + root.below + mounts.map { $0.destination } + maskedPaths + readonlyPaths
    paths += mounts.filter { $0.isBind }.map { $0.source }
    if let overlay = root.overlay { paths += [overlay.directory, overlay.upper, overlay.work].compactMap { $0 } }
    for path in paths where path.utf8.first != UInt8(ascii: "/") {
      throw PlanError(name, .notAbsolute(path: path))
    }
  }

  func checkLimits() throws(PlanError) {
    let strings = process.args.count + process.env.count + process.searchPaths.count
    let counts: [(String, Int, Int)] = [
      ("arguments and environment variables", strings, Int(EXECUTOR_MAX_STRINGS)),
      ("additional groups", process.user.additionalGids.count, LaunchPlan.maxAdditionalGids),
      ("bind mounts", mounts.filter { $0.isBind }.count, Int(Slot.maxBinds) - 1),
      ("layers", root.below.count, LaunchPlan.maxLowers),
      ("id mappings", max(uidMappings.count, gidMappings.count), LaunchPlan.maxMappings),
    ]
    for (what, count, limit) in counts where count > limit { throw PlanError(name, .tooMany(what, limit: limit)) }
    if case .tasks(let paths) = cgroup.join, paths.count > Int(Slot.maxTasks) {
      throw PlanError(name, .tooMany("cgroup controllers", limit: Int(Slot.maxTasks)))
    }
  }
}
