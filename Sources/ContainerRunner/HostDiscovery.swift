import Basics
import CSystem
import LinuxSystem

extension HostFacts {
  /// Asks the running kernel.
  public static func discover() throws(SystemError) -> HostFacts {
    var name = utsname()
    try check(uname(&name), "ask the kernel for its version")
    let release = text(of: name.release)
    guard let kernel = KernelVersion(release: release) else {
      throw SystemError("understand the kernel's version", release, .invalidArgument)
    }
    return HostFacts(
      kernel: kernel, rootIsInitramfs: rootType(mounts: try Files.read("/proc/self/mounts")) == "rootfs",
      hasTimeNamespaces: Files.exists("/proc/self/ns/time_for_children"), is64Bit: text(of: name.machine) == "x86_64")
  }

  /// The magic number of the file system that holds `path`.
  public static func fileSystemMagic(of path: String) throws(SystemError) -> UInt64 {
    var status = system_filesystem_status()
    try check(system_statfs(path, &status), "look at the file system of", path)
    return status.magic & 0xFFFF_FFFF  // a long, which 32-bit machines extend by its sign
  }

  /// The type of what is mounted on `/` in the text of /proc/self/mounts: the last line about it counts, for older
  /// kernels list the initramfs below the real root as well.
  static func rootType(mounts: [UInt8]) -> String? {
    var type: String?
    for line in ASCII.lines(mounts[...]) {
      let words = ASCII.words(line)
      if words.count >= 3, words[1].elementsEqual("/".utf8) { type = ASCII.string(words[2]) }
    }
    return type
  }

  /// A NUL-ended C string that stands in an array, which Swift sees as a tuple.
  private static func text<Tuple>(of tuple: Tuple) -> String {
    withUnsafeBytes(of: tuple) { ASCII.string($0.prefix { $0 != 0 }) }
  }
}
