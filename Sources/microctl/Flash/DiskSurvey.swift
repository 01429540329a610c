import Basics
import LinuxSystem

/// Reads what the kernel tells of disks (sysfs) and of what they are used for (proc(5)).
struct DiskSurvey {
  /// Where sysfs is mounted.
  var sys = "/sys"
  var mountInfo = "/proc/self/mountinfo"
  var swaps = "/proc/swaps"

  /// A disk on a disk on a disk; more is a kernel that tells nonsense.
  private static let maximumDepth = 8
  private static let maximumFileBytes = 1 << 20
  private static let systemPlaces = ["/", "/boot", "/boot/efi", "/usr", "/var"]

  /// Of the device with these numbers; nil: the kernel tells nothing of it.
  func facts(major: UInt32, minor: UInt32) -> DiskFacts? {
    guard let link = try? Files.readLink("\(sys)/dev/block/\(major):\(minor)"),
      let last = link.utf8.split(separator: UInt8(ascii: "/")).last
    else { return nil }
    return facts(of: ASCII.string(last))
  }

  func facts(of name: String) -> DiskFacts {
    let table = mounts()
    let swapNames = swapNames()
    var facts = DiskFacts(name: name)
    func part(_ name: String) -> DiskFacts.Part {
      let uses = self.uses(of: name, table, swapNames)
      if uses.holdsSystem { facts.holdsSystem = true }
      return DiskFacts.Part(
        name: name, startBytes: bytes(name, "start"), sizeBytes: bytes(name, "size"), uses: uses.all)
    }
    facts.model = model(of: name)
    facts.sizeBytes = bytes(name, "size")
    facts.isReadOnly = attribute(name, "ro") == "1"
    facts.wholeDisk = wholeDisk(of: name)
    facts.whole = part(name)
    facts.partitions = children(of: name).map(part)
    return facts
  }

  // MARK: sysfs

  private func path(_ name: String) -> String { "\(sys)/class/block/\(name)" }

  private func attribute(_ name: String, _ file: String) -> String {
    let bytes = (try? Files.read(path(name) + "/" + file, limitBytes: 4096)) ?? []
    return ASCII.string(ASCII.trim(bytes[...]))
  }

  /// What the kernel counts in sectors of 512 bytes, whatever the device has.
  private func bytes(_ name: String, _ file: String) -> UInt64 {
    let sectors = Decimal.parse(attribute(name, file)) ?? 0
    return min(sectors, UInt64.max >> 9) << 9
  }

  private func model(of name: String) -> String {
    let parts = ["device/vendor", "device/model", "device/name", "loop/backing_file"].map { attribute(name, $0) }
    return Text.joined(parts.filter { !$0.isEmpty }, by: " ")
  }

  private func children(of name: String) -> [String] {
    let names = (try? Files.list(path(name))) ?? []
    // `sdb2` before `sdb10`.
    return names.filter { Files.exists("\(path(name))/\($0)/partition") }
      .sorted { ($0.utf8.count, $0) < ($1.utf8.count, $1) }
  }

  /// A partition's directory lies in that of its disk.
  private func wholeDisk(of name: String) -> String? {
    guard Files.exists(path(name) + "/partition"), let link = try? Files.readLink(path(name)) else { return nil }
    return link.utf8.split(separator: UInt8(ascii: "/")).dropLast().last.map { ASCII.string($0) }
  }

  // MARK: Uses

  private struct Uses {
    var all: [String] = []
    var holdsSystem = false
  }

  /// Of the device itself, and of those that are made of it.
  private func uses(of name: String, _ table: [MountedDevice], _ swapNames: [String], depth: Int = 0) -> Uses {
    var uses = Uses()
    let number = attribute(name, "dev")
    for mount in table where mount.number == number || mount.source == "/dev/\(name)" {
      uses.all.append("mounted on \(mount.place)")
      if Self.systemPlaces.contains(mount.place) { uses.holdsSystem = true }
    }
    if swapNames.contains(name) { uses.all.append("swap space") }
    for holder in ((try? Files.list(path(name) + "/holders")) ?? []).sorted() {
      let above = depth < Self.maximumDepth ? self.uses(of: holder, table, swapNames, depth: depth + 1) : Uses()
      uses.all.append(Text.joined(["part of \(holder)"] + above.all, by: ", "))
      if above.holdsSystem { uses.holdsSystem = true }
    }
    return uses
  }

  private struct MountedDevice {
    let number: String
    let place: String
    let source: String
  }

  private func mounts() -> [MountedDevice] {
    let bytes = (try? Files.read(mountInfo, limitBytes: Self.maximumFileBytes)) ?? []
    return ASCII.lines(bytes[...]).compactMap { line in
      let words = ASCII.words(line)
      // Between the sixth word and the dash stands any number of optional fields.
      guard let dash = words.indices.dropFirst(6).first(where: { words[$0].elementsEqual("-".utf8) }),
        words.count > dash + 2
      else { return nil }
      return MountedDevice(
        number: ASCII.string(words[2]), place: ASCII.string(words[4]), source: ASCII.string(words[dash + 2]))
    }
  }

  private func swapNames() -> [String] {
    let bytes = (try? Files.read(swaps, limitBytes: Self.maximumFileBytes)) ?? []
    return ASCII.lines(bytes[...]).dropFirst().compactMap { line in
      ASCII.words(line).first?.split(separator: UInt8(ascii: "/")).last.map { ASCII.string($0) }
    }
  }
}
