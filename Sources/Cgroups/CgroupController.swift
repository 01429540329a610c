/// A part of the kernel that limits or counts what the processes of a control group use.
public enum CgroupController: String, CaseIterable, Sendable {
  case memory, pids, cpu, cpuacct, freezer, devices, io, cpuset

  /// What a container needs: its limits and counts, and pausing. `io` and `cpuset` are left out because each hierarchy
  /// that is joined on v1 costs time at every start; so is `devices`, which whoever writes device rules adds.
  public static let forContainers: [CgroupController] = [.memory, .pids, .cpu, .cpuacct, .freezer]

  /// The name in `/proc/cgroups` and among v1 mount options.
  var legacyName: String { self == .io ? "blkio" : rawValue }

  /// On v2 these are part of every group (cpu.stat, cgroup.freeze, eBPF) rather than controllers to switch on.
  var isBuiltIntoUnified: Bool { self == .cpuacct || self == .freezer || self == .devices }

  /// The kernel's build option.
  var kernelOption: String {
    switch self {
    case .memory: "CONFIG_MEMCG (on v1 CONFIG_MEMCG_V1 as well)"
    case .pids: "CONFIG_CGROUP_PIDS"
    case .cpu: "CONFIG_CGROUP_SCHED and CONFIG_CFS_BANDWIDTH"
    case .cpuacct: "CONFIG_CGROUP_CPUACCT"
    case .freezer: "CONFIG_CGROUP_FREEZER"
    case .devices: "CONFIG_CGROUP_DEVICE"
    case .io: "CONFIG_BLK_CGROUP"
    case .cpuset: "CONFIG_CPUSETS"
    }
  }

  init?(legacyName: some Sequence<UInt8>) {
    self.init { $0.legacyName.utf8.elementsEqual(legacyName) }
  }

  init?(unifiedName: some Sequence<UInt8>) {
    self.init { $0.rawValue.utf8.elementsEqual(unifiedName) }
  }

  private init?(where matches: (CgroupController) -> Bool) {
    guard let found = Self.allCases.first(where: matches) else { return nil }
    self = found
  }
}

/// Why a controller cannot be used on this machine.
public enum CgroupAbsence: Equatable, Sendable {
  /// The kernel has it, but it was switched off when the kernel started.
  case disabled
  /// The kernel has it on v1, but nobody mounted it.
  case notMounted
  /// This machine uses v2, but the controller hangs on a v1 hierarchy.
  case heldByLegacy
  /// The kernel has it, but the part of the v2 tree that is seen here was not given it.
  case notDelegated
  /// The kernel was built without it.
  case notBuilt

  /// What to do about it.
  func advice(_ controller: CgroupController) -> String {
    let name = controller.legacyName
    switch self {
    case .disabled where controller == .memory:
      return "it is switched off: enable it on the kernel command line: cgroup_enable=memory"
    case .disabled:
      return "it is switched off: take cgroup_disable=\(name) off the kernel command line"
    case .notMounted:
      let point = "/sys/fs/cgroup/\(name)"
      return "it is not mounted: mkdir \(point) && mount -t cgroup -o \(name) \(name) \(point)"
    case .heldByLegacy:
      return "it is mounted as v1 while the rest is v2: unmount the v1 hierarchy"
    case .notDelegated:
      return "it is not in cgroup.controllers here: whoever made this group must enable it for us"
    case .notBuilt:
      return "this kernel was built without it: \(controller.kernelOption)"
    }
  }
}
