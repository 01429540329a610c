import Basics
import ContainerRunner

/// `mounts`: options as mount(8) and the OCI runtime spec name them.
enum MountReader {
  /// What every mount knows.
  static let options = [
    "async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec", "iversion", "lazytime", "loud", "mand",
    "noatime",
    "nodev", "nodiratime", "noexec", "noiversion", "nolazytime", "nomand", "nostrictatime", "nosuid", "nosymfollow",
    "private",
    "rbind", "rdev", "rexec", "relatime", "rnodev", "rnoexec", "rnosuid", "ro", "rprivate", "rro", "rrw", "rshared",
    "rslave",
    "rsuid", "runbindable", "rw", "shared", "silent", "slave", "strictatime", "suid", "symfollow", "sync", "tmpcopyup",
    "unbindable",
  ]

  static func read(_ fields: Fields) -> RuntimeMount {
    let options = fields.strings("options")
    let isBind = options.contains("bind") || options.contains("rbind") || fields.string("type") == "bind"
    let type = isBind ? "bind" : fields.string("type") ?? ""
    let destination = fields.string("destination") ?? ""
    let source = fields.string("source") ?? (isBind ? "" : type)
    var mount = RuntimeMount(destination: clean(destination), type: type, source: source)
    if destination.utf8.first != UInt8(ascii: "/") { fields.refuse("destination", "it must be absolute") }
    if mount.destination == "/" { fields.refuse("destination", "/ is the root, which is mounted already") }
    if type.isEmpty { fields.refuse("type", "it is missing") }
    if isBind, source.isEmpty { fields.refuse("source", "a bind needs one") }
    for option in options where !apply(option, to: &mount) { other(option, to: &mount, fields) }
    return mount
  }

  /// Without slashes at the end, doubled ones, and dots.
  private static func clean(_ path: String) -> String {
    var parts: [ArraySlice<UInt8>] = []
    for part in ASCII.split(Array(path.utf8)[...], at: UInt8(ascii: "/"))
    where !part.isEmpty && !part.elementsEqual(".".utf8) {
      if part.elementsEqual("..".utf8) { _ = parts.popLast() } else { parts.append(part) }
    }
    return parts.isEmpty ? "/" : parts.reduce("") { $0 + "/" + ASCII.string($1) }
  }

  /// False: it is no option that every mount knows.
  private static func apply(_ option: String, to mount: inout RuntimeMount) -> Bool {
    if let found = propagation(of: option) {
      mount.propagation = found
      return true
    }
    if let (bit, isSet) = attribute(option) {
      change(&mount, bit, isSet)
      return true
    }
    // The same for all that is mounted below.
    if option.utf8.first == UInt8(ascii: "r"), let (bit, isSet) = attribute(String(option.dropFirst())),
      mount.isBindMount
    {
      change(&mount, bit, isSet)
      mount.attributesAreRecursive = true
      return true
    }
    switch option {
    case "bind", "defaults": return true
    case "rbind": mount.isRecursive = true
    case "noatime": time(&mount, MountAttribute.noatime)
    case "strictatime": time(&mount, MountAttribute.strictatime)
    case "relatime", "atime", "nostrictatime": time(&mount, 0)
    default: return false
    }
    return true
  }

  private static func change(_ mount: inout RuntimeMount, _ bit: UInt32, _ isSet: Bool) {
    if isSet { mount.attributes |= bit } else { mount.attributes &= ~bit }
    if isSet { mount.cleared &= ~bit } else { mount.cleared |= bit }
  }

  private static func time(_ mount: inout RuntimeMount, _ value: UInt32) {
    mount.attributes = mount.attributes & ~MountAttribute.accessTimes | value
    mount.cleared |= MountAttribute.accessTimes
  }

  private static func attribute(_ option: String) -> (bit: UInt32, isSet: Bool)? {
    switch option {
    case "ro": (MountAttribute.readonly, true)
    case "rw": (MountAttribute.readonly, false)
    case "nosuid": (MountAttribute.nosuid, true)
    case "suid": (MountAttribute.nosuid, false)
    case "nodev": (MountAttribute.nodev, true)
    case "dev": (MountAttribute.nodev, false)
    case "noexec": (MountAttribute.noexec, true)
    case "exec": (MountAttribute.noexec, false)
    case "nodiratime": (MountAttribute.nodiratime, true)
    case "diratime": (MountAttribute.nodiratime, false)
    case "nosymfollow": (MountAttribute.nosymfollow, true)
    case "symfollow": (MountAttribute.nosymfollow, false)
    default: nil
    }
  }

  /// The recursive kinds are the same here: a bind that is recursive has it on all that it shows.
  static func propagation(of option: String) -> Propagation? {
    switch option {
    case "private", "rprivate": .private
    case "slave", "rslave": .slave
    case "shared", "rshared": .shared
    case "unbindable", "runbindable": .unbindable
    default: nil
    }
  }

  /// What only file systems know goes to the file system; the kernel tells if it does not know it either.
  private static func other(_ option: String, to mount: inout RuntimeMount, _ fields: Fields) {
    let flags: [(String, UInt32)] = [
      ("sync", 1 << 4), ("mand", 1 << 6), ("dirsync", 1 << 7), ("silent", 1 << 15), ("iversion", 1 << 23),
      ("lazytime", 1 << 25),
    ]
    if !mount.isBindMount, let flag = flags.first(where: { $0.0 == option }) {
      mount.fileSystemFlags |= flag.1
      return
    }
    if ["async", "nomand", "loud", "noiversion", "nolazytime"].contains(option) { return }
    if option == "tmpcopyup", mount.type == "tmpfs" {
      mount.copiesTarget = true
      return
    }
    if mount.isBindMount || option == "tmpcopyup" || option == "idmap" || option == "ridmap" || option == "remount" {
      fields.refuse("options", "microrun does not do \"\(option)\" for the type \(mount.type)")
      return
    }
    mount.data += (mount.data.isEmpty ? "" : ",") + option
  }
}

extension RuntimeMount {
  fileprivate var isBindMount: Bool { type == "bind" }
}
