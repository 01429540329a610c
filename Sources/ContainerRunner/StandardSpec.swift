extension ContainerSpec {
  /// A container as strict as Docker's default or stricter: all namespaces but time, the OCI runtime spec's mounts,
  /// Docker's masked and read-only paths and capabilities (without mknod), no_new_privs, the seccomp allow-list.
  ///
  /// - Parameters:
  ///   - firstHostID: the host's id for the container's root; `idCount` ids from there belong to the container.
  ///     0 means no user namespace.
  ///   - hostNetwork: the container shares the host's network instead of having none of its own.
  public static func standard(
    name: String, root: RootSpec, args: [String], env: [String] = [], cwd: String = "/", user: UserSpec = UserSpec(),
    firstHostID: UInt32, idCount: UInt32 = 65536, hostNetwork: Bool = false,
    cgroup: CgroupPlacement = CgroupPlacement()
  ) -> ContainerSpec {
    var namespaces = Namespaces.standard
    if hostNetwork { namespaces.remove(.network) }
    if firstHostID == 0 { namespaces.remove(.user) }
    let mapping = IDMapping(containerID: 0, hostID: firstHostID, size: idCount)
    let mappings = firstHostID == 0 ? [] : [mapping]
    let process = ProcessSpec(
      args: args, env: env.isEmpty ? [standardPath] : env, cwd: cwd, user: user, capabilities: .all(.standard),
      rlimits: [ResourceLimit(resource: ResourceLimit.openFiles, soft: 1024, hard: 1024)], noNewPrivileges: true)
    return ContainerSpec(
      name: name, process: process, root: root, hostname: name, mounts: standardMounts, makesStandardDevices: true,
      namespaces: namespaces, uidMappings: mappings, gidMappings: mappings, maskedPaths: standardMaskedPaths,
      readonlyPaths: standardReadonlyPaths, seccomp: true, cgroup: cgroup)
  }

  static let searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
  /// The PATH that a container has unless it is given another.
  public static let standardPath = "PATH=" + searchPath

  /// The OCI runtime spec's mounts ("Linux: default filesystems") with the options that all runtimes give them.
  static let standardMounts: [MountSpec] = [
    MountSpec(destination: "/proc", type: "proc", source: "proc", options: [.nosuid, .nodev, .noexec]),
    MountSpec(
      destination: "/dev", type: "tmpfs", source: "tmpfs", options: [.nosuid, .noexec, .strictatime],
      data: "mode=755,size=64k"),
    MountSpec(
      destination: "/dev/pts", type: "devpts", source: "devpts", options: [.nosuid, .noexec],
      data: "newinstance,ptmxmode=0666,mode=0620,gid=5"),
    MountSpec(
      destination: "/dev/shm", type: "tmpfs", source: "shm", options: [.nosuid, .nodev, .noexec],
      data: "mode=1777,size=64m"),
    MountSpec(destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: [.nosuid, .nodev, .noexec]),
    MountSpec(destination: "/sys", type: "sysfs", source: "sysfs", options: [.nosuid, .nodev, .noexec, .readonly]),
  ]

  /// What tells about, or reaches, the machine below.
  static let standardMaskedPaths = [
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
    "/sys/firmware",
  ]

  static let standardReadonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
}
