import Basics
import Microcloud

/// What the configuration says about what the node gives to others, and on what terms.
public struct OfferSettings: Equatable, Sendable {
  /// A part of what there is, or a fixed amount of it.
  public enum Share: Equatable, Sendable {
    case percent(UInt64)
    case bytes(UInt64)

    /// Never more than there is.
    func amount(of whole: UInt64) -> UInt64 {
      switch self {
      case .percent(let percent): Resources.percent(percent, of: whole)
      case .bytes(let bytes): min(bytes, whole)
      }
    }

    /// `50%` or `48M`.
    init?(_ text: String) {
      if let percent = Self.percent(text) {
        self = .percent(percent)
      } else if let bytes = ByteCount.parse(text) {
        self = .bytes(bytes)
      } else {
        return nil
      }
    }

    static func percent(_ text: String) -> UInt64? {
      let bytes = Array(text.utf8)
      guard bytes.last == UInt8(ascii: "%"), let number = Decimal.parse(bytes.dropLast()), number <= 100 else {
        return nil
      }
      return number
    }
  }

  /// Of the memory that containers may have.
  public var memory = Share.percent(50)
  /// Of all cores.
  public var cpuPercent: UInt64 = 50
  /// Of what is free on the state directory's file system when the agent starts.
  public var disk = Share.percent(50)
  public var processes: UInt64 = 1024
  public var containers: UInt64 = 128
  public var policy = LeasePolicy()
  public var zone = ""
  /// 0: not said.
  public var guifiNode: UInt64 = 0
  public var contact = ""

  public init() {}

  public static let maximumZoneBytes = 63
  public static let maximumContactBytes = 127
  public static let maximumGuifiNode: UInt64 = 9_999_999_999

  /// Takes one setting; returns what is wrong with it, and what would be right.
  mutating func set(_ setting: Setting) -> String? {
    switch setting.name {
    case "offer-memory": return Self.setShare(&memory, setting)
    case "offer-disk": return Self.setShare(&disk, setting)
    case "offer-cpu": return Self.setPercent(&cpuPercent, setting)
    case "offer-processes": return Self.setNumber(&processes, setting, most: Budget.mostProcesses)
    case "offer-containers":
      return Self.setNumber(&containers, setting, most: UInt64(Supervisor.maximumContainers))
    case "lease-to":
      guard let lessees = LeasePolicy.Lessees(setting.value) else { return setting.wrong("give members or nobody") }
      policy.lessees = lessees
    case "lease-longest":
      guard let seconds = TimeSpan.seconds(setting.value), (1...LeasePolicy.mostSeconds).contains(seconds) else {
        return setting.wrong("give a time of at most 366d, as 7d, 12h or 30m")
      }
      policy.longestSeconds = seconds
    case "lease-share": return Self.setPercent(&policy.sharePercent, setting)
    case "lease-roots":
      guard ContainerRequest.isPlainPath(setting.value), !ContainerRequest.isTop(setting.value) else {
        return setting.wrong("give an absolute path, as \(policy.rootsDirectory)")
      }
      policy.rootsDirectory = setting.value
    case "zone": return Self.setText(&zone, setting, mostBytes: Self.maximumZoneBytes)
    case "contact": return Self.setText(&contact, setting, mostBytes: Self.maximumContactBytes)
    case "guifi-node": return Self.setNumber(&guifiNode, setting, most: Self.maximumGuifiNode)
    default: return setting.unknown
    }
    return nil
  }

  /// Whether a setting is one of these.
  static func has(_ name: String) -> Bool {
    name.utf8.starts(with: "offer-".utf8) || name.utf8.starts(with: "lease-".utf8) || name == "zone"
      || name == "contact" || name == "guifi-node"
  }

  private static func setShare(_ share: inout Share, _ setting: Setting) -> String? {
    guard let found = Share(setting.value) else { return setting.wrong("give a part or an amount, as 50% or 48M") }
    share = found
    return nil
  }

  private static func setPercent(_ percent: inout UInt64, _ setting: Setting) -> String? {
    guard let found = Share.percent(setting.value) else { return setting.wrong("give a part, as 50%") }
    percent = found
    return nil
  }

  private static func setNumber(_ number: inout UInt64, _ setting: Setting, most: UInt64) -> String? {
    guard let found = Decimal.parse(setting.value), found <= most else {
      return setting.wrong("give a number of at most \(most)")
    }
    number = found
    return nil
  }

  /// Control characters are refused before: they are in no line of the file.
  private static func setText(_ text: inout String, _ setting: Setting, mostBytes: Int) -> String? {
    guard (1...mostBytes).contains(setting.value.utf8.count) else {
      return setting.wrong("give a text of at most \(mostBytes) bytes")
    }
    text = setting.value
    return nil
  }
}
