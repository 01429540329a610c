import Basics
import ContainerRunner

/// `linux.devices` and `linux.resources.devices`.
enum DeviceReader {
  static func devices(_ linux: Fields) -> [DeviceSpec] {
    linux.objects("devices", done: ["type", "path", "major", "minor", "fileMode", "uid", "gid"]).map { device($0) }
  }

  private static func device(_ fields: Fields) -> DeviceSpec {
    let path = fields.string("path") ?? ""
    if !path.utf8.starts(with: "/dev/".utf8) || path.utf8.count > 4000 || path.hasDots {
      fields.refuse("path", "it must lie below /dev")
    }
    var type: UInt32 = 0
    switch fields.string("type") ?? "" {
    case "c", "u": type = 0o020000
    case "b": type = 0o060000
    case "p": type = 0o010000
    default: fields.refuse("type", "it must be c, u, b or p")
    }
    if type != 0o010000, !fields.has("major") || !fields.has("minor") {
      fields.refuse("major", "a device needs major and minor")
    }
    let mode = fields.id("fileMode") ?? 0o666
    return DeviceSpec(
      path: path, mode: type | mode & 0o7777, major: fields.id("major") ?? 0, minor: fields.id("minor") ?? 0,
      uid: fields.id("uid") ?? 0, gid: fields.id("gid") ?? 0)
  }

  static func rules(_ resources: Fields) -> [DeviceRule] {
    resources.objects("devices", done: ["allow", "type", "major", "minor", "access"]).map { rule($0) }
  }

  private static func rule(_ fields: Fields) -> DeviceRule {
    var rule = DeviceRule(isAllowed: fields.bool("allow") ?? false)
    switch fields.string("type") ?? "a" {
    case "a", "": break
    case "c": rule.kind = .character
    case "b": rule.kind = .block
    default: fields.refuse("type", "it must be a, c or b")
    }
    // Below 0: any.
    rule.major = fields.integer("major").flatMap { UInt32(exactly: $0) }
    rule.minor = fields.integer("minor").flatMap { UInt32(exactly: $0) }
    if let access = fields.string("access"), !access.isEmpty {
      rule.access = []
      for letter in access.utf8 {
        switch letter {
        case UInt8(ascii: "r"): rule.access.insert(.read)
        case UInt8(ascii: "w"): rule.access.insert(.write)
        case UInt8(ascii: "m"): rule.access.insert(.make)
        default: fields.refuse("access", "it must be of r, w and m")
        }
      }
    }
    return rule
  }
}

extension String {
  /// A part between its slashes leads elsewhere.
  fileprivate var hasDots: Bool {
    ASCII.split(Array(utf8)[...], at: UInt8(ascii: "/")).contains {
      $0.elementsEqual("..".utf8) || $0.elementsEqual(".".utf8)
    }
  }
}

/// Whether a container's programs may use some devices. Nil means any number.
public struct DeviceRule: Hashable, Sendable {
  public enum Kind: Sendable {
    case any, character, block
  }

  public struct Access: OptionSet, Hashable, Sendable {
    public var rawValue: UInt32

    public init(rawValue: UInt32) {
      self.rawValue = rawValue
    }

    /// The kernel's bits (BPF_DEVCG_ACC_ of linux/bpf.h).
    public static let make = Access(rawValue: 1)
    public static let read = Access(rawValue: 2)
    public static let write = Access(rawValue: 4)
    public static let all: Access = [.make, .read, .write]
  }

  public var isAllowed: Bool
  public var kind = Kind.any
  public var major: UInt32?
  public var minor: UInt32?
  public var access = Access.all

  public init(isAllowed: Bool, kind: Kind = .any, major: UInt32? = nil, minor: UInt32? = nil, access: Access = .all) {
    self.isAllowed = isAllowed
    self.kind = kind
    self.major = major
    self.minor = minor
    self.access = access
  }

  /// What every container may use, whatever is refused: it may make nodes, and use the standard ones and its terminals.
  public static let standard: [DeviceRule] =
    [.init(isAllowed: true, kind: .character, access: .make), .init(isAllowed: true, kind: .block, access: .make)]
    + [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2)]
    .map { DeviceRule(isAllowed: true, kind: .character, major: $0.0, minor: $0.1) }
    + [.init(isAllowed: true, kind: .character, major: 136)]

  /// As v1's devices.allow and devices.deny want it: `c 1:3 rwm`.
  var legacyText: String {
    if kind == .any { return "a" }
    var letters = ""
    if access.contains(.read) { letters += "r" }
    if access.contains(.write) { letters += "w" }
    if access.contains(.make) { letters += "m" }
    let numbers = "\(major.map { "\($0)" } ?? "*"):\(minor.map { "\($0)" } ?? "*")"
    return "\(kind == .block ? "b" : "c") \(numbers) \(letters)"
  }
}
