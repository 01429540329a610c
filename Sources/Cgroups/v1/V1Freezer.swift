import Basics

extension V1 {
  static func freezing(_ group: Cgroup, _ frozen: Bool) -> (path: String, text: String) {
    (path(group) ?? "", frozen ? "FROZEN" : "THAWED")
  }

  static func freezerState(_ group: Cgroup) -> CgroupFreezerState? {
    guard let text = path(group).flatMap({ KernelText.read($0) }) else { return nil }
    switch ASCII.string(ASCII.trim(text[...])) {
    case "THAWED": return .thawed
    case "FREEZING": return .freezing
    case "FROZEN": return .frozen
    default: return nil
    }
  }

  private static func path(_ group: Cgroup) -> String? {
    group.directory(of: .freezer).map { $0 + "/freezer.state" }
  }
}
