import Basics
import Images

/// A layer to be unpacked: which blob, into which directory, for whom, and what it may take.
public struct UnpackJob: Sendable {
  /// The file: a tar archive as it is or in gzip, or a squashfs image; which of them, its first bytes say.
  public var blob: String
  /// The digest of the archive, uncompressed, or of the squashfs image as it is: what the image's configuration says of the
  /// layer.
  public var digest: Digest
  /// The directory that the layer becomes. It appears whole and durable, or not at all: what is half done is beside it, under
  /// the name with `.new`. Its parent must be there, and closed to the board's users, as a layer may hold programs that
  /// run with other people's rights.
  public var directory: String
  public var owners: LayerOwners
  public var limits: LayerLimits
  /// How long it may take in all.
  public var timeoutMilliseconds: UInt64
  /// Each gets a `0`, by which a kernel knows the process that writes it: `tasks` or `cgroup.procs` of the control groups that
  /// hold the unpacker's budget.
  public var controlGroupFiles: [String] = []

  /// What this node's processor has not: where it lacks anything, programs are looked at.
  public var lacking: ProcessorFeatures = []

  /// What the confined process may allocate, beside the page cache. It needs a tenth of that.
  static let memoryBytes: UInt64 = 16 * 1024 * 1024

  public init(
    blob: String, digest: Digest, directory: String, owners: LayerOwners, limits: LayerLimits,
    timeoutMilliseconds: UInt64
  ) {
    self.blob = blob
    self.digest = digest
    self.directory = directory
    self.owners = owners
    self.limits = limits
    self.timeoutMilliseconds = timeoutMilliseconds
  }

  /// Where the layer is while it is not whole.
  public var draft: String { directory + ".new" }
}
