/// https://docs.kernel.org/admin-guide/cgroup-v2.html
extension V2 {
  /// A controller works in a group once the group above lists it in `cgroup.subtree_control`, and so on up to the root.
  /// A group that lists one may hold no processes itself, so containers are leaves.
  static func make(_ group: Cgroup, withParents: Bool, holdsGroups: Bool) -> [CgroupOperation] {
    guard withParents else { return [.makeDirectory(path: group.unifiedDirectory)] }
    let mountPoint = group.layout.hierarchies[0].mountPoint
    let below = Cgroup.prefixes(of: group.name).map { mountPoint + "/" + $0 }
    let text = subtreeControl(group)

    var operations = handDown(text, in: mountPoint)
    for directory in below {
      operations.append(.makeDirectory(path: directory))
      if holdsGroups || directory != group.unifiedDirectory { operations += handDown(text, in: directory) }
    }
    return operations
  }

  private static func handDown(_ text: String, in directory: String) -> [CgroupOperation] {
    text.isEmpty ? [] : [.write(path: directory + "/cgroup.subtree_control", text: text)]
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
