import Basics
import LinuxSystem

/// A Linux version, as far as decisions hang on it.
public struct KernelVersion: Comparable, Hashable, Sendable, CustomStringConvertible {
  public var major: UInt32
  public var minor: UInt32

  public init(_ major: UInt32, _ minor: UInt32) {
    self.major = major
    self.minor = minor
  }

  /// The oldest kernel that the agent runs on.
  public static let oldestSupported = KernelVersion(5, 10)

  /// Reads uname's release, as `6.1.0-44-686`.
  public init?(release: String) {
    let parts = ASCII.split(Array(release.utf8)[...], at: UInt8(ascii: "."))
    guard parts.count >= 2, let major = Decimal.parse(parts[0]),
      let minor = Decimal.parse(parts[1].prefix { $0 >= 0x30 && $0 <= 0x39 }), major < 1000, minor < 1000
    else { return nil }
    self.init(UInt32(major), UInt32(minor))
  }

  public static func < (left: KernelVersion, right: KernelVersion) -> Bool {
    left.major != right.major ? left.major < right.major : left.minor < right.minor
  }

  public var description: String { "\(major).\(minor)" }
}

/// What a launch plan must know about the machine. A value, so that plans for any board are made and tested anywhere.
public struct HostFacts: Hashable, Sendable {
  public var kernel: KernelVersion
  /// `/` is the initramfs, which pivot_root(2) refuses to leave.
  public var rootIsInitramfs: Bool
  public var hasTimeNamespaces: Bool
  /// The kernel runs x86_64 programs beside i386 ones.
  public var is64Bit: Bool

  public init(
    kernel: KernelVersion, rootIsInitramfs: Bool = false, hasTimeNamespaces: Bool = true, is64Bit: Bool = true
  ) {
    self.kernel = kernel
    self.rootIsInitramfs = rootIsInitramfs
    self.hasTimeNamespaces = hasTimeNamespaces
    self.is64Bit = is64Bit
  }

  /// mount_setattr(2), with which mounts get ids and flags before anybody sees them.
  var canChangeDetachedMounts: Bool { kernel >= KernelVersion(5, 12) }

  /// Whether a file system of this magic number (statfs(2)) can be mounted with mapped ids, also below an overlay.
  public func canMapIDs(fileSystemMagic: UInt64, belowOverlay: Bool) -> Bool {
    if belowOverlay && kernel < KernelVersion(5, 19) { return false }
    guard let since = HostFacts.idMapping.first(where: { $0.magic == fileSystemMagic })?.since else { return false }
    return kernel >= since
  }

  /// The kernel version from which each file system allows id-mapped mounts (FS_ALLOW_IDMAP).
  private static let idMapping: [(magic: UInt64, since: KernelVersion)] = [
    (0xEF53, KernelVersion(5, 12)),  // ext4
    (0x5846_5342, KernelVersion(5, 12)),  // xfs
    (0x4D44, KernelVersion(5, 12)),  // vfat
    (0x9123_683E, KernelVersion(5, 15)),  // btrfs
    (0xF2F5_2010, KernelVersion(5, 18)),  // f2fs
    (0xE0F5_E1E2, KernelVersion(5, 19)),  // erofs
    (0x7371_7368, KernelVersion(6, 2)),  // squashfs
    (0x0102_1994, KernelVersion(6, 3)),  // tmpfs
  ]
}
