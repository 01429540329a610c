/// The namespaces that a container has of its own (namespaces(7)); the raw value is clone(2)'s flags.
public struct Namespaces: OptionSet, Hashable, Sendable {
  public var rawValue: UInt32

  public init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  public static let time = Namespaces(rawValue: 0x80)
  public static let mount = Namespaces(rawValue: 0x20000)
  public static let cgroup = Namespaces(rawValue: 0x200_0000)
  public static let uts = Namespaces(rawValue: 0x400_0000)
  public static let ipc = Namespaces(rawValue: 0x800_0000)
  public static let user = Namespaces(rawValue: 0x1000_0000)
  public static let pid = Namespaces(rawValue: 0x2000_0000)
  public static let network = Namespaces(rawValue: 0x4000_0000)

  /// All but time, which only what migrates between machines needs.
  public static let standard: Namespaces = [.mount, .pid, .uts, .ipc, .network, .cgroup, .user]
  public static let all: Namespaces = [.standard, .time]

  /// Those that the child enters itself, for a clone cannot: the cgroup namespace takes its root from the cgroup that
  /// the child must join first, and older kernels' clone3 refuses the time namespace.
  static let enteredByChild: Namespaces = [.cgroup, .time]
}

extension Namespaces: CustomStringConvertible {
  public var description: String {
    let names: [(Namespaces, String)] = [
      (.mount, "mount"), (.pid, "pid"), (.uts, "uts"), (.ipc, "ipc"), (.network, "network"), (.cgroup, "cgroup"),
      (.user, "user"), (.time, "time"),
    ]
    return names.filter { contains($0.0) }.map { $0.1 }.joined(separator: ",")
  }
}
