/// https://docs.kernel.org/admin-guide/cgroup-v2.html
extension V2 {
  /// A controller works in a group once the group above lists it in `cgroup.subtree_control`, and so on up to the root.
  /// A group that lists one may hold no processes itself, so containers are leaves.
  static func make(_ group: Cgroup, _ withParents: Bool) -> [CgroupOperation] {
    guard withParents else { return [.makeDirectory(path: group.unifiedDirectory)] }
    let mountPoint = group.layout.hierarchies[0].mountPoint
    let enable = subtreeControl(group)
    var operations: [CgroupOperation] = []
    var above = mountPoint
    for name in Cgroup.prefixes(of: group.name) {
      if !enable.isEmpty { operations.append(.write(path: above + "/cgroup.subtree_control", text: enable)) }
      above = mountPoint + "/" + name
      operations.append(.makeDirectory(path: above))
    }
    return operations
  }

  /// As `+memory +pids +cpu`; empty if nothing is to be switched on.
  private static func subtreeControl(_ group: Cgroup) -> String {
    var text = ""
    for controller in group.controllers where !controller.isBuiltIntoUnified {
      text += (text.isEmpty ? "+" : " +") + controller.rawValue
    }
    return text
  }
}
