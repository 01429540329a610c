import Basics
import Crypto

/// What somebody asks for when they want a container: everything else follows from defaults.
///
/// It travels as a CBOR map (docs/PROTOCOL.md) and stands in the store in the same form.
public struct ContainerRequest: Equatable, Sendable {
  public enum Network: UInt8, Equatable, Sendable {
    /// A network namespace of its own with nothing but loopback.
    case none = 0
    /// The board's own network.
    case host = 1
    /// A link to the board's bridge, and an address there (`BridgeNetwork`).
    case bridge = 2
  }

  /// A directory or file of the board shown inside the container.
  public struct Mount: Equatable, Sendable {
    public var source: String
    public var target: String
    public var readOnly: Bool

    public init(source: String, target: String, readOnly: Bool) {
      self.source = source
      self.target = target
      self.readOnly = readOnly
    }

    var isPlain: Bool {
      isPlainPath(source) && isPlainPath(target) && !isTop(target)
    }
  }

  /// Empty: the node chooses one.
  public var name = ""
  /// An absolute path on the node: the root file system, which is never written to.
  public var root = ""
  /// Instead of a root: the image's name, for people.
  public var image = ""
  /// Which image that is: the SHA-256 of its manifest. Empty: none.
  public var manifest: [UInt8] = []
  /// The program and its arguments; the program is looked for in the container's PATH.
  public var command: [String] = []
  /// `NAME=VALUE`.
  public var environment: [String] = []
  public var workingDirectory = "/"
  public var user: UInt32 = 0
  public var group: UInt32 = 0
  /// Empty: the container's name.
  public var hostname = ""
  /// Without it, what the container writes goes to an overlay above the root and is kept until it is removed.
  public var readOnlyRoot = false
  public var network = Network.none
  /// Ports of the board that lead to it.
  public var ports: [PublishedPort] = []
  /// What its link to the bridge carries.
  public var rates = BridgeRates()
  /// Without it, root in the container is root on the board.
  public var userNamespace = true
  public var mounts: [Mount] = []
  public var budget = Budget()
  public var restart = RestartPolicy.no
  /// Remove it when it has ended and is not to be restarted.
  public var removesWhenEnded = false
  /// How long it may take to end after SIGTERM.
  public var graceMilliseconds: UInt64 = 10_000
  /// What it is asked to end with.
  public var stopSignal = Self.terminate
  /// Nil: as long as it runs, it is taken for well.
  public var health: HealthCheck?
  /// What it offers to the neighbours while it runs.
  public var publications: [Publication] = []
  /// Run a program even if the processor lacks what it needs.
  public var anyISA = false
  /// The lease that it is charged to; nil: it is the owner's own.
  public var lease: UInt64?

  public init() {}

  public static let maximumNameBytes = 63
  /// SIGTERM and SIGKILL.
  public static let terminate: UInt64 = 15
  public static let kill: UInt64 = 9
  /// Of signal(7), real-time ones counted.
  public static let highestSignal: UInt64 = 64
  public static let maximumArguments = 256
  public static let maximumMounts = 32
  public static let maximumPublications = 8
  public static let maximumPorts = 8
  /// Of all strings of a request together.
  public static let maximumTextBytes = 16 * 1024
  public static let maximumGraceMilliseconds: UInt64 = 3_600_000
  /// How many users and groups there are in a user namespace of a container.
  public static let mappedIDs: UInt32 = 65_536

  /// What is wrong with it, as one line that says what would be right; nil: nothing.
  public var problem: String? {
    if textBytes > Self.maximumTextBytes { return "request: its texts exceed \(Self.maximumTextBytes) bytes" }
    if containsZeroByte { return "request: its texts must not contain NUL" }
    if !name.isEmpty, !Self.isName(name) {
      return
        "name \(name): use letters, digits, '-', '_' and '.', at most \(Self.maximumNameBytes), a letter or digit first"
    }
    if !hostname.isEmpty, !Self.isName(hostname) {
      return
        "hostname \(hostname): use letters, digits, '-', '_' and '.', at most \(Self.maximumNameBytes), "
        + "a letter or digit first"
    }
    if let line = imageProblem { return line }
    if manifest.isEmpty, !Self.isPlainPath(root) || Self.isTop(root) {
      return "root file system \(root): give an absolute path of a directory without '..'"
    }
    if command.isEmpty || command[0].isEmpty { return "command: give the program to run" }
    if command.count > Self.maximumArguments || environment.count > Self.maximumArguments {
      return "command: at most \(Self.maximumArguments) arguments and as many environment variables"
    }
    for variable in environment where !Self.isVariable(variable) {
      return "environment variable \(variable): write NAME=VALUE"
    }
    if !Self.isPlainPath(workingDirectory) { return "working directory \(workingDirectory): give an absolute path" }
    if mounts.count > Self.maximumMounts { return "mounts: at most \(Self.maximumMounts)" }
    for mount in mounts where !mount.isPlain {
      return "mount \(mount.source) on \(mount.target): give absolute paths without '..'"
    }
    if let line = userProblem { return line }
    if graceMilliseconds > Self.maximumGraceMilliseconds {
      return "grace period: at most \(Self.maximumGraceMilliseconds / 1000) s"
    }
    if readOnlyRoot, budget.diskBytes != 0 {
      return "disk budget: nothing is written to a read-only root: leave one of them out"
    }
    return portProblem ?? publicationProblem ?? health?.problem ?? budget.problem
  }

  private var portProblem: String? {
    if ports.count > Self.maximumPorts { return "published ports: at most \(Self.maximumPorts)" }
    for (index, port) in ports.enumerated() {
      if let line = port.problem { return line }
      if ports[..<index].contains(where: { $0.collides(with: port) }) {
        return "published port \(port): the board's port is there twice: leave one out"
      }
    }
    if let line = rates.problem { return line }
    if ports.isEmpty && rates == BridgeRates() || network == .bridge { return nil }
    return "published ports and rates: they are for containers in the network \"bridge\": give it that"
  }

  private var imageProblem: String? {
    if !(1...Self.highestSignal).contains(stopSignal) {
      return "stop signal \(stopSignal): use 1 to \(Self.highestSignal)"
    }
    if manifest.isEmpty {
      return image.isEmpty ? nil : "image \(image): say which one it is, by its manifest's SHA-256"
    }
    if manifest.count != SHA256.digestBytes { return "image: a manifest's SHA-256 has \(SHA256.digestBytes) bytes" }
    if !root.isEmpty { return "root file system \(root): an image has its own: leave one of them out" }
    return ImageName.isValid(image) ? nil : "image \(image): \(ImageName.advice)"
  }

  private var publicationProblem: String? {
    if publications.count > Self.maximumPublications { return "publications: at most \(Self.maximumPublications)" }
    for (index, publication) in publications.enumerated() {
      if let line = publication.problem { return line }
      if publications[..<index].contains(where: { $0.isNamed(publication.name) }) {
        return "publication \(publication.name): it is there twice: leave one out"
      }
      if network == .none {
        return
          "publication \(publication.name): nobody could reach it: give the container the network \"host\" or \"bridge\""
      }
      if network == .bridge, !ports.contains(where: { $0.port == publication.port && $0.transport == .tcp }) {
        return
          "publication \(publication.name): nobody could reach it: publish the port, too, as \(publication.port):80"
      }
    }
    return nil
  }

  /// 4294967295 would mean `as before` to setresuid(2): root.
  private var userProblem: String? {
    let largest = userNamespace ? Self.mappedIDs - 1 : UInt32.max - 1
    if user <= largest, group <= largest { return nil }
    return "user \(user), group \(group): use 0 to \(largest)"
  }

  private var texts: [String] {
    [name, root, image, workingDirectory, hostname] + command + environment + mounts.flatMap { [$0.source, $0.target] }
      + publications.flatMap { [$0.type, $0.description] } + (health?.command ?? [])
  }

  private var textBytes: Int {
    texts.reduce(0) { $0 + $1.utf8.count }
  }

  private var containsZeroByte: Bool {
    texts.contains { $0.utf8.contains(0) }
  }

  /// Whether a text can name a container: it becomes part of paths and a host name.
  public static func isName(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, bytes.count <= maximumNameBytes, ASCII.isLetterOrDigit(first) else { return false }
    return bytes.allSatisfy { ASCII.isLetterOrDigit($0) || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F }
  }

  private static func isVariable(_ text: String) -> Bool {
    guard let equals = text.utf8.firstIndex(of: 0x3D) else { return false }
    return equals != text.utf8.startIndex
  }

  /// Whether a plain path is the root directory, however it is written: `/`, `//`, `/./`.
  static func isTop(_ path: String) -> Bool {
    ASCII.split(Array(path.utf8)[...], at: 0x2F).allSatisfy { $0.isEmpty || $0.elementsEqual([0x2E]) }
  }

  /// An absolute path without a `..` in it, nor a NUL, at which C would cut it off.
  static func isPlainPath(_ path: String) -> Bool {
    let bytes = Array(path.utf8)
    guard bytes.first == 0x2F, bytes.count < 4096, !bytes.contains(0) else { return false }
    return !ASCII.split(bytes[...], at: 0x2F).contains { $0.elementsEqual([0x2E, 0x2E]) }
  }
}
