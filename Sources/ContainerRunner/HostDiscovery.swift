import Basics
import CSystem
import LinuxSystem

extension HostFacts {
  /// Asks the running kernel.
  ///
  /// - Parameter mountInfo: /proc/self/mountinfo, by whoever has read it already.
  public static func discover(mountInfo: [UInt8]? = nil) throws(SystemError) -> HostFacts {
    let mountInfo = if let mountInfo { mountInfo } else { try Files.read("/proc/self/mountinfo") }
    var name = utsname()
    try check(uname(&name), "ask the kernel for its version")
    let release = text(of: name.release)
    guard let kernel = KernelVersion(release: release) else {
      throw SystemError("understand the kernel's version", release, .invalidArgument)
    }
    return HostFacts(
      kernel: kernel,
      rootIsInitramfs: rootType(mountInfo: mountInfo) == "rootfs",
      hasTimeNamespaces: Files.exists("/proc/self/ns/time_for_children"), is64Bit: text(of: name.machine) == "x86_64")
  }

  /// The magic number of the file system that holds `path`.
  public static func fileSystemMagic(of path: String) throws(SystemError) -> UInt64 {
    var status = system_filesystem_status()
    try check(system_statfs(path, &status), "look at the file system of", path)
    return status.magic & 0xFFFF_FFFF  // a long, which 32-bit machines extend by its sign
  }

  /// The type of what is mounted on `/` in the text of /proc/self/mountinfo (proc(5)): the last line about it counts, for
  /// older kernels list the initramfs below the real root as well.
  static func rootType(mountInfo: [UInt8]) -> String? {
    var type: String?
    for line in ASCII.lines(mountInfo[...]) {
      let words = ASCII.words(line)
      guard words.count > 6, words[4].elementsEqual("/".utf8) else { continue }
      // Between the sixth word and the dash stands any number of optional fields.
      let dash = words.indices.dropFirst(6).first { words[$0].elementsEqual("-".utf8) }
      if let dash, dash + 1 < words.count { type = ASCII.string(words[dash + 1]) }
    }
    return type
  }

  /// A NUL-ended C string that stands in an array, which Swift sees as a tuple.
  private static func text<Tuple>(of tuple: Tuple) -> String {
    withUnsafeBytes(of: tuple) { ASCII.string($0.prefix { $0 != 0 }) }
  }
}
