/// What the supervisor wants done, in this order. The daemon does it and reports back with an `Event`.
public enum Effect: Equatable, Sendable {
  /// Set the container up and clone its process, which then waits to be let go. Answer: `launched` or `startFailed`.
  case launch(id: UInt64)
  /// Write the container's record as it is now. Answer, once it is durable: `saved` with the same revision. Where it
  /// cannot be written: `startFailed` if the container is `starting`, after its process was killed; else it is tried
  /// again for as long as the supervisor `awaitsSave`.
  case save(id: UInt64, revision: UInt32)
  /// Let the waiting process run its program. Answer: `started` or `startFailed`, and not after the `ended` of that process.
  case release(id: UInt64)
  /// Send the first process a signal.
  case signal(id: UInt64, signal: UInt8)
  /// Kill every process of the container.
  case killAll(id: UInt64)
  /// Give a container a tenth of its processor time, or all of it again.
  case throttle(id: UInt64, Bool)
  /// Let none of its processes run, or all of them again. Answer to the former: `paused`, once they stand still, or
  /// `pauseFailed`.
  case pause(id: UInt64, Bool)
  /// Lower its memory limit, and take from it what it has above that. Answer: `shrunk`, or `shrinkFailed` where the kernel
  /// cannot: then the limit is as it was.
  case shrink(id: UInt64, memoryBytes: UInt64)
  /// Hold it to the limits of its record.
  case limit(id: UInt64)
  /// Collect the ended process, now that its end is durable, end what may be left, and put away the kernel's part:
  /// cgroups, descriptors. Answer: `wasPutAway`. Harmless where nothing is left.
  case putAway(id: UInt64)
  /// Delete what the container wrote, and its log.
  case deleteFiles(id: UInt64)
  /// Delete the record. Answer, once that is durable: `forgotten`.
  case forget(id: UInt64)
  /// Tell whoever asked under this token.
  case reply(token: UInt64, Reply)
  /// The container's state changed: tell those who watch it.
  case changed(id: UInt64)
  /// Write a lease's record (`Leases.record`). Answer: `LeaseEvent.saved`, once it is durable, or `saveFailed`. One that is
  /// not urgent need not be synced: nobody waits for it.
  case saveLease(id: UInt64, revision: UInt32, isUrgent: Bool)
  /// Delete a lease's record. Answer: `LeaseEvent.forgotten`, once that is durable, or `forgetFailed`.
  case forgetLease(id: UInt64)
  /// The lease changed, or is gone: tell those who watch it.
  case leaseChanged(id: UInt64)
}

/// What became of an effect or of a container.
public enum Event: Equatable, Sendable {
  case launched(ProcessIdentity)
  case saved(revision: UInt32)
  case started
  /// Set-up or exec failed; the process is gone or will be before `putAway` returns.
  case startFailed(String)
  /// The first process ended, and with it the whole container.
  case ended(ContainerEnd.Cause)
  case wasPutAway
  case forgotten
  /// None of its processes runs.
  case paused
  /// They could not be made to stand still; the line says why.
  case pauseFailed(String)
  case shrunk
  /// It uses more than that; the line says so.
  case shrinkFailed(String)
}

/// What became of a lease's record.
public enum LeaseEvent: Equatable, Sendable {
  case saved(revision: UInt32)
  /// It could not be written; the line says why.
  case saveFailed(revision: UInt32, String)
  case forgotten
  case forgetFailed
}

/// The answer to a request.
public enum Reply: Equatable, Sendable {
  case done(name: String)
  /// The lease, as it is now.
  case lease(id: UInt64)
  case failed(RequestError)
}

/// Why a request was refused or came to nothing; the line is for people.
public struct RequestError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Kind: UInt8, Equatable, Sendable {
    case invalid
    case forbidden
    case notFound
    case conflict
    case noRoom
    case failed
    /// The resource exists, and this cannot be done to it.
    case notAllowed
    /// An option of the message that must be understood is not.
    case badOption
    /// What it is about is not any more as whoever asks believes.
    case changed
  }

  public let kind: Kind
  public let description: String

  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }
}
