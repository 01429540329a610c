import CSystem
import LinuxSystem

/// The mounts that need the host's rights or paths. They are made detached, so that nobody sees them and closing the
/// descriptor undoes them.
///
/// An overlay's directories are written to a disk, which may take a second, and the agent's loop waits for no disk: a
/// process of their own, the mounter, makes these mounts, while the agent makes the cgroups and the container's process,
/// and hands them to the latter.
extension ContainerSpec {
  var hasMounter: Bool { root.isOverlay }

  func mounterSteps(_ facts: HostFacts) -> StepList {
    var steps = StepList(expectedBytes: hasMounter ? 1500 : 0)
    guard hasMounter else { return steps }
    steps.append(EXECUTOR_DIE_WITH_PARENT)
    steps.append(EXECUTOR_CLOSE_OTHERS, needsIDMappedMounts ? [Slot.userNamespace] : [])
    addHostMounts(to: &steps, facts)
    steps.append(EXECUTOR_HAND_OVER, handedOver)
    return steps
  }

  /// The slots that the mounter fills for the container's process.
  var handedOver: [UInt32] { [Slot.root] + binds.indices.map { Slot.firstBind + UInt32($0) } }

  func addHostMounts(to steps: inout StepList, _ facts: HostFacts) {
    addRoot(to: &steps, facts)
    for (index, mount) in binds.enumerated() { addBind(mount, Slot.firstBind + UInt32(index), to: &steps, facts) }
  }

  /// The mounts in the order in which they are made, with sysfs as a bind where it cannot be mounted: from a user namespace
  /// without its own network namespace the host's is shown instead, without what is mounted in it (control groups, tracing).
  ///
  /// proc comes last, but for what lies on it or in it. While mounts are made the host's root is at hand, and proc leads there by
  /// /proc/self/cwd and /proc/self/fd: so would a link of the image through it.
  var effectiveMounts: [MountSpec] {
    let last = mounts.filter { isProcOrBelow($0) }
    let ordered = mounts.filter { !isProcOrBelow($0) } + last
    guard namespaces.contains(.user), !namespaces.contains(.network) else { return ordered }
    return ordered.map { mount in
      guard mount.type == "sysfs" else { return mount }
      return MountSpec(
        destination: mount.destination, type: "bind", source: "/sys", options: mount.options)
    }
  }

  private func isProcOrBelow(_ mount: MountSpec) -> Bool {
    mounts.contains { $0.type == "proc" && (mount.destination + "/").hasPrefix($0.destination + "/") }
  }

  private var binds: [MountSpec] { effectiveMounts.filter { $0.isBind } }

  private func addRoot(to steps: inout StepList, _ facts: HostFacts) {
    let mapping = namespaces.contains(.user) && !root.idsAreMapped ? Slot.userNamespace : EXECUTOR_NO_SLOT
    guard root.isOverlay else {
      steps.append(EXECUTOR_OPEN_TREE, [Slot.root, 0], [root.path])
      let attributes: MountOptions = root.readonly ? .readonly : []
      addChange(of: Slot.root, attributes, mapping: mapping, to: &steps, facts)
      return
    }
    if let overlay = root.overlay { addDirectories(of: overlay, to: &steps) }
    var layers: [UInt32] = []
    for (index, path) in ([root.path] + root.below).enumerated() {
      let layer = index == 0 ? Slot.lower : Slot.firstLower + UInt32(index - 1)
      steps.append(EXECUTOR_OPEN_TREE, [layer, 0], [path])
      if mapping != EXECUTOR_NO_SLOT { addChange(of: layer, [], mapping: mapping, to: &steps, facts) }
      layers.append(layer)
    }
    let isVolatile: UInt32 = root.overlay?.isVolatile == true ? 1 : 0
    let written = root.overlay.map { [$0.upper, $0.work] } ?? []
    steps.append(EXECUTOR_OVERLAY, [Slot.root, isVolatile] + layers, written)
    if let overlay = root.overlay, let limits = overlay.limits { addLimits(limits, of: overlay, to: &steps) }
  }

  /// What is made in the directory from here on is counted, and is no more than these.
  private func addLimits(_ limits: FileLimits, of overlay: OverlaySpec, to steps: inout StepList) {
    guard let directory = overlay.directory else { return }
    let name = overlay.upper.utf8.dropFirst(directory.utf8.count + 1)
    steps.append(
      EXECUTOR_LIMIT_FILES, limits.bytes.words + limits.files.words,
      [directory, String(decoding: name, as: UTF8.self)])
  }

  private func addDirectories(of overlay: OverlaySpec, to steps: inout StepList) {
    if let directory = overlay.directory { steps.append(EXECUTOR_MAKE_DIRECTORY, [0o711], [directory]) }
    // The overlay needs directories of its own also where a container has used up what it may: limits come behind it.
    if overlay.limits != nil { addLimits(FileLimits(), of: overlay, to: &steps) }
    steps.append(EXECUTOR_MAKE_DIRECTORY, [0o755], [overlay.upper])
    steps.append(EXECUTOR_MAKE_DIRECTORY, [0o700], [overlay.work])
    guard namespaces.contains(.user) else { return }
    let owner = hostIDs(0, 0)
    steps.append(EXECUTOR_OWN, [EXECUTOR_NO_SLOT, owner.uid, owner.gid], [overlay.upper])
  }

  private func addBind(_ mount: MountSpec, _ slot: UInt32, to steps: inout StepList, _ facts: HostFacts) {
    let recursive: UInt32 = mount.options.contains(.recursive) ? 1 : 0
    steps.append(EXECUTOR_OPEN_TREE, [slot, recursive], [mount.source])
    let mapping =
      namespaces.contains(.user) && mount.options.contains(.idmap) ? Slot.userNamespace : EXECUTOR_NO_SLOT
    addChange(
      of: slot, mount.options.intersection(.attributes), recursive: recursive, mapping: mapping, to: &steps, facts)
  }

  /// Private, so that what is mounted in the container never shows on the host. Before Linux 5.12 the child does this.
  private func addChange(
    of slot: UInt32, _ attributes: MountOptions, recursive: UInt32 = 0, mapping: UInt32, to steps: inout StepList,
    _ facts: HostFacts
  ) {
    guard facts.canChangeDetachedMounts else { return }
    steps.append(EXECUTOR_CHANGE_MOUNT, [slot, attributes.rawValue, 1, recursive, mapping])
  }
}

extension RootSpec {
  /// It is made of several directories.
  var isOverlay: Bool { overlay != nil || !below.isEmpty }
}
