import CSystem

/// Where the executor keeps descriptors from step to step.
enum Slot {
  static let standardInput: UInt32 = 0
  static let standardOutput: UInt32 = 1
  static let standardError: UInt32 = 2
  /// The container's root, a mount that is nowhere mounted yet.
  static let root: UInt32 = 3
  /// The layer below the overlay, of several the uppermost.
  static let lower: UInt32 = 4
  /// The root that the child leaves: what the host gives is named relative to it.
  static let oldRoot: UInt32 = 5
  /// A user namespace with the container's id maps.
  static let userNamespace: UInt32 = 6
  /// The cgroup v2 directory that the child is born in.
  static let cgroup: UInt32 = 7
  static let timeNamespace: UInt32 = 8
  /// The child's end of the socket on which the mounter hands over what it made.
  static let mounter: UInt32 = 9
  /// v1: one `tasks` file a controller.
  static let firstTasks: UInt32 = 10
  static let maxTasks: UInt32 = 14
  /// One detached mount a bind.
  static let firstBind: UInt32 = 24
  static let maxBinds = firstLower - firstBind
  /// The layers below the one in `lower`, from the uppermost on.
  static let firstLower: UInt32 = 64
  static let maxLowers = container - firstLower
  /// The pidfd of the first process of a container that a program is run in.
  static let container: UInt32 = 96
  /// The socket that a terminal's other side is sent to.
  static let console: UInt32 = 97
  /// FIFOs of a container that is created by one process and started by another.
  static let startControl: UInt32 = 98
  static let startErrors: UInt32 = 99
  /// Namespaces that somebody else made.
  static let firstNamespace: UInt32 = 100
  static let maxNamespaces = firstPreserved - firstNamespace
  /// Descriptors from 3 on that a container is handed besides the standard ones.
  static let firstPreserved: UInt32 = 108
  static let maxPreserved = UInt32(EXECUTOR_SLOTS) - firstPreserved

  static func name(_ slot: UInt32) -> String {
    switch slot {
    case standardInput: return "standard input"
    case standardOutput: return "standard output"
    case standardError: return "standard error"
    case root: return "the root"
    case lower: return "the lower layer"
    case oldRoot: return "the old root"
    case userNamespace: return "the user namespace"
    case cgroup: return "the cgroup"
    case timeNamespace: return "the time namespace"
    case mounter: return "the mounter"
    case container: return "the container"
    case console: return "the console socket"
    case startControl, startErrors: return "the start"
    case firstPreserved...: return "descriptor \(slot - firstPreserved + 3)"
    case firstNamespace...: return "namespace \(slot - firstNamespace + 1)"
    case firstTasks..<firstBind: return "cgroup \(slot - firstTasks)"
    case firstBind..<firstLower: return "bind \(slot - firstBind + 1)"
    default: return "layer \(slot - firstLower + 2)"
    }
  }
}
