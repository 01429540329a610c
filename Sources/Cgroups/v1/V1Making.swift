/// https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
extension V1 {
  static func make(_ group: Cgroup, withParents: Bool, holdsGroups: Bool) -> [CgroupOperation] {
    let names = withParents ? Cgroup.prefixes(of: group.name) : [group.name]
    var operations: [CgroupOperation] = []
    for hierarchy in group.usedHierarchies {
      for (depth, name) in names.enumerated() {
        let directory = hierarchy.mountPoint + "/" + name
        operations.append(.makeDirectory(path: directory))
        // Before Linux 5.11 a group's use counted for the group above only where this was set before it had children;
        // they inherit it. Without it the limit of a parent would hold nothing.
        if depth == 0, withParents, names.count > 1 || holdsGroups, hierarchy.controllers.contains(.memory) {
          operations.append(.writeIfPresent(path: directory + "/memory.use_hierarchy", text: "1"))
        }
      }
    }
    return operations
  }
}
