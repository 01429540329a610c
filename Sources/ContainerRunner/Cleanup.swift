import LinuxSystem

/// What removing a container must undo once its last process has ended: mounts and namespaces go by themselves, so only
/// directories are left.
public struct Cleanup: Hashable, Sendable {
  /// In the order in which they are removed; each is empty but for what the kernel keeps there.
  public let cgroupDirectories: [String]
  /// Trees that hold what the container wrote: removed with all that is in them, or kept for its owner.
  public let dataTrees: [String]

  public init(_ spec: ContainerSpec) {
    var made: [String] = []
    for case .makeDirectory(let path) in spec.cgroup.operations { made.insert(path, at: 0) }
    cgroupDirectories = made
    dataTrees = spec.root.overlay.map { [$0.work, $0.upper] } ?? []
  }
}
