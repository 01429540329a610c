/// One mount in a container.
public struct MountSpec: Hashable, Sendable {
  /// An absolute path in the container; a missing one is made.
  public var destination: String
  /// A file system type of the kernel, or `bind`.
  public var type: String
  /// For `bind` an absolute path of the host; else what the file system calls its source.
  public var source: String
  public var options: MountOptions
  /// The file system's own options, as `mode=755,size=64k`.
  public var data: String

  public init(
    destination: String, type: String, source: String, options: MountOptions = [], data: String = ""
  ) {
    self.destination = destination
    self.type = type
    self.source = source
    self.options = options
    self.data = data
  }

  /// A directory or file of the host, without devices and set-user-ID programs.
  public static func bind(_ source: String, on destination: String, readonly: Bool = false) -> MountSpec {
    let options: MountOptions = readonly ? [.nosuid, .nodev, .readonly] : [.nosuid, .nodev]
    return MountSpec(destination: destination, type: "bind", source: source, options: options)
  }

  var isBind: Bool { type == "bind" }
}

/// Options that the kernel knows for every mount. The low bits are mount(2)'s flags.
public struct MountOptions: OptionSet, Hashable, Sendable {
  public var rawValue: UInt32

  public init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  public static let readonly = MountOptions(rawValue: 1)
  public static let nosuid = MountOptions(rawValue: 2)
  public static let nodev = MountOptions(rawValue: 4)
  public static let noexec = MountOptions(rawValue: 8)
  public static let noatime = MountOptions(rawValue: 1 << 10)
  /// Of a bind: with all that is mounted below its source.
  public static let recursive = MountOptions(rawValue: 1 << 14)
  public static let strictatime = MountOptions(rawValue: 1 << 24)
  /// Of a bind, in a container with a user namespace: files keep the ids that the host sees, mapped into the container.
  public static let idmap = MountOptions(rawValue: 1 << 31)

  /// mount(2) and mount_setattr(2) give these four the same bits.
  static let attributes: MountOptions = [.readonly, .nosuid, .nodev, .noexec]
  static let ofKernelMount: MountOptions = [.attributes, .noatime, .strictatime]
}
