/// A set of capabilities (capabilities(7)): bit n is the capability with the number n.
public struct Capabilities: OptionSet, Hashable, Sendable {
  public var rawValue: UInt64

  public init(rawValue: UInt64) {
    self.rawValue = rawValue
  }

  private init(number: UInt64) {
    rawValue = 1 << number
  }

  public static let chown = Capabilities(number: 0)
  public static let dacOverride = Capabilities(number: 1)
  public static let fowner = Capabilities(number: 3)
  public static let fsetid = Capabilities(number: 4)
  public static let kill = Capabilities(number: 5)
  public static let setgid = Capabilities(number: 6)
  public static let setuid = Capabilities(number: 7)
  public static let setpcap = Capabilities(number: 8)
  public static let netBindService = Capabilities(number: 10)
  public static let netRaw = Capabilities(number: 13)
  public static let sysChroot = Capabilities(number: 18)
  public static let mknod = Capabilities(number: 27)
  public static let auditWrite = Capabilities(number: 29)
  public static let setfcap = Capabilities(number: 31)

  /// What Docker leaves a container, less `mknod`: nothing in a container makes devices.
  public static let standard: Capabilities = [
    .chown, .dacOverride, .fsetid, .fowner, .netRaw, .setgid, .setuid, .setfcap, .setpcap, .netBindService,
    .sysChroot, .kill, .auditWrite,
  ]
}

/// The five sets of a process, in the OCI runtime spec's words.
public struct CapabilitySets: Hashable, Sendable {
  public var bounding: Capabilities
  public var effective: Capabilities
  public var permitted: Capabilities
  public var inheritable: Capabilities
  public var ambient: Capabilities

  public init(
    bounding: Capabilities, effective: Capabilities, permitted: Capabilities, inheritable: Capabilities = [],
    ambient: Capabilities = []
  ) {
    self.bounding = bounding
    self.effective = effective
    self.permitted = permitted
    self.inheritable = inheritable
    self.ambient = ambient
  }

  /// The same capabilities in the bounding, effective and permitted sets.
  public static func all(_ capabilities: Capabilities) -> CapabilitySets {
    CapabilitySets(bounding: capabilities, effective: capabilities, permitted: capabilities)
  }
}
