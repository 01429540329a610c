import CSQLite
import LinuxSystem

/// Why something with a store failed, as one line: what was tried, on what, why, and what to do where that is known.
public struct StoreError: Error, Equatable, CustomStringConvertible {
  public enum Kind: UInt8, Sendable {
    /// Another process has the store open.
    case inUse = 1
    /// A later version of the agent wrote the store.
    case newerSchema
    /// The file is not a database, or not a whole one.
    case damaged
    /// No room on the disk, or in the store's own limit.
    case full
    /// A statement that SQLite refuses: a mistake in the program, or a constraint.
    case refused
    /// The system failed: input or output, memory, rights.
    case system
    /// A sync failed, or the store's writer is gone: what is on the disk is unknown until the store is opened again.
    case stopped
  }

  public let kind: Kind
  public let description: String

  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }

  /// Whoever goes on writing after this may be wrong about what is on the disk.
  var leavesDiskUnknown: Bool { kind == .stopped || kind == .damaged }

  init(_ error: SystemError) {
    self.init(error.errno == .noSpace ? .full : .system, error.description)
  }

  /// An SQLite result code (sqlite.org/rescode.html) with the action that gave it.
  init(code: CInt, _ action: String, _ path: String, _ message: String) {
    // What a failed sync leaves on the disk is not even told by another one that succeeds.
    if code == SQLITE_IOERR | 4 << 8 || code == SQLITE_IOERR | 5 << 8 {  // _FSYNC, _DIR_FSYNC
      self.init(.stopped, "\(action) \(path): sync: \(message)")
      return
    }
    switch code & 0xFF {
    case SQLITE_BUSY, SQLITE_LOCKED:
      self.init(.inUse, "\(action) \(path): the store is in use by another agent; stop it first")
    case SQLITE_NOTADB, SQLITE_CORRUPT:
      self.init(.damaged, "\(action) \(path): the store is damaged (\(message))")
    case SQLITE_FULL:
      self.init(.full, "\(action) \(path): no space left; free some on this file system")
    case SQLITE_IOERR, SQLITE_NOMEM, SQLITE_CANTOPEN, SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH:
      self.init(.system, "\(action) \(path): \(message)")
    default:
      self.init(.refused, "\(action) \(path): \(message)")
    }
  }
}
