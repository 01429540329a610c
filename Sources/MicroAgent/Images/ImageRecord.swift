/// An image as the node knows it: what it is called, whose it is, and what a container needs of it.
///
/// This is the record that the store keeps. An image whose record is there is whole: its layers are unpacked and durable.
public struct ImageRecord: Equatable, Sendable {
  /// A layer: a directory on the node, named after the blob that it came in.
  public struct Layer: Equatable, Sendable {
    public let digest: [UInt8]
    /// What it takes of the disk.
    public let sizeBytes: UInt64
    /// What its programs need and the node lacks, a line each. None where nobody has looked.
    public let notices: [String]

    public init(digest: [UInt8], sizeBytes: UInt64, notices: [String] = []) {
      self.digest = digest
      self.sizeBytes = sizeBytes
      self.notices = notices
    }
  }

  /// Never used twice in one store.
  public let id: UInt64
  /// With its tag; empty: another one has the name now.
  public var name: String
  /// SHA-256 of the manifest: which image it is, wherever.
  public let manifest: [UInt8]
  /// Who brought it.
  public let holder: [UInt8]
  /// From the lowest to the uppermost.
  public let layers: [Layer]
  public let defaults: ImageDefaults
  /// Where mounts cannot map ids, the layers' files belong to the containers' users on the board, of whom this is the first; 0:
  /// they belong to whom the image says.
  public let firstHostID: UInt32
  /// Grows with each use of any image: the smallest was used least lately.
  public var used: UInt64
  /// Seconds since 1970, for people.
  public let createdSeconds: UInt64

  public init(
    id: UInt64, name: String, manifest: [UInt8], holder: [UInt8], layers: [Layer], defaults: ImageDefaults,
    firstHostID: UInt32 = 0, used: UInt64, createdSeconds: UInt64
  ) {
    self.id = id
    self.name = name
    self.manifest = manifest
    self.holder = holder
    self.layers = layers
    self.defaults = defaults
    self.firstHostID = firstHostID
    self.used = used
    self.createdSeconds = createdSeconds
  }

  /// As if nobody else had any of its layers.
  public var sizeBytes: UInt64 { layers.reduce(0) { $0 + $1.sizeBytes } }

  /// What of all its layers is to be told.
  public var notices: [String] { layers.flatMap { $0.notices } }

  /// How many layers one may have: each is a mount while a container is started.
  public static let maximumLayers = 32
}

/// What an image says of the containers that are made of it, where nobody says anything else.
public struct ImageDefaults: Equatable, Sendable {
  public var entrypoint: [String] = []
  public var command: [String] = []
  public var environment: [String] = []
  /// Empty: `/`.
  public var workingDirectory = ""
  /// As the image has it: numbers or names; empty: root.
  public var user = ""
  /// Who that is by the image's own files; nil: they do not say.
  public var account: Account?
  /// As `SIGTERM` or `15`; empty: SIGTERM.
  public var stopSignal = ""
  /// Nil: it says nothing of its health.
  public var health: HealthCheck?

  public init() {}

  /// A user and a group by their numbers.
  public struct Account: Equatable, Sendable {
    public let user: UInt32
    public let group: UInt32

    public init(user: UInt32, group: UInt32) {
      self.user = user
      self.group = group
    }
  }
}
