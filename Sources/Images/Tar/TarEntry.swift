/// One entry of a tar archive, without its data.
public struct TarEntry: Equatable, Sendable {
  public enum Kind: Equatable, Sendable {
    case file
    /// Another name of what `linkTarget` names.
    case hardLink
    case symbolicLink
    case characterDevice
    case blockDevice
    case directory
    case fifo
  }

  /// An extended attribute (xattr(7)).
  public struct Attribute: Equatable, Sendable {
    public let name: [UInt8]
    public let value: [UInt8]
  }

  public var kind: Kind
  /// Components with `/` between them, as `TarPath` leaves them; empty: the top directory itself.
  public var path: [UInt8]
  /// A hard link's is a path as `path` is; a symbolic link's is whatever it says.
  public var linkTarget: [UInt8]
  /// Permissions with set-user-ID, set-group-ID and sticky bit.
  public var mode: UInt32
  public var user: UInt32
  public var group: UInt32
  /// How many bytes of data follow; only files have any.
  public var sizeBytes: UInt64
  public var modified: TarTime
  /// Of a device.
  public var deviceMajor: UInt32
  public var deviceMinor: UInt32
  public var attributes: [Attribute]
}

/// A time since 1970, in UTC.
public struct TarTime: Equatable, Sendable {
  public var seconds: Int64
  /// From 0 on, also before 1970.
  public var nanoseconds: UInt32

  public init(seconds: Int64, nanoseconds: UInt32 = 0) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }
}
