import CSystem

/// A Linux error number (errno(3)).
public struct Errno: RawRepresentable, Equatable, Hashable, Sendable, CustomStringConvertible {
  public let rawValue: CInt

  public init(rawValue: CInt) {
    self.rawValue = rawValue
  }

  public static let notPermitted = Errno(rawValue: 1)
  public static let noSuchFile = Errno(rawValue: 2)
  public static let noSuchProcess = Errno(rawValue: 3)
  public static let inputOutput = Errno(rawValue: 5)
  public static let badDescriptor = Errno(rawValue: 9)
  public static let noChild = Errno(rawValue: 10)
  public static let wouldBlock = Errno(rawValue: 11)
  public static let outOfMemory = Errno(rawValue: 12)
  public static let permissionDenied = Errno(rawValue: 13)
  public static let notBlockDevice = Errno(rawValue: 15)
  public static let busy = Errno(rawValue: 16)
  public static let fileExists = Errno(rawValue: 17)
  public static let noSuchDevice = Errno(rawValue: 19)
  public static let notDirectory = Errno(rawValue: 20)
  public static let invalidArgument = Errno(rawValue: 22)
  public static let noSpace = Errno(rawValue: 28)
  public static let readOnlyFileSystem = Errno(rawValue: 30)
  public static let brokenPipe = Errno(rawValue: 32)
  public static let nameTooLong = Errno(rawValue: 36)
  public static let notImplemented = Errno(rawValue: 38)
  public static let notEmpty = Errno(rawValue: 39)
  public static let protocolNotSupported = Errno(rawValue: 93)
  public static let notSupported = Errno(rawValue: 95)
  public static let addressFamilyNotSupported = Errno(rawValue: 97)
  public static let addressInUse = Errno(rawValue: 98)
  public static let noBufferSpace = Errno(rawValue: 105)
  public static let timedOut = Errno(rawValue: 110)
  public static let canceled = Errno(rawValue: 125)
  public static let connectionRefused = Errno(rawValue: 111)

  /// The C library's sentence, as "No such file or directory".
  public var description: String {
    String(cString: system_error_text(rawValue))
  }
}

/// A system call that failed: what was tried, on what, and why.
///
/// Its description is the one line that a person reads: `open /etc/microagent.conf: Permission denied`.
public struct SystemError: Error, Equatable, CustomStringConvertible {
  /// What was tried, as a verb: `open`, `mount proc on`.
  public let action: String
  /// On what: a path, a name; may be empty.
  public let subject: String
  public let errno: Errno

  public init(_ action: String, _ subject: String, _ errno: Errno) {
    self.action = action
    self.subject = subject
    self.errno = errno
  }

  public var description: String {
    subject.isEmpty ? "\(action): \(errno)" : "\(action) \(subject): \(errno)"
  }
}

/// Turns the result of a `system_…` call into a value or a thrown error.
@discardableResult
public func check<Value: SignedInteger>(
  _ result: Value, _ action: @autoclosure () -> String, _ subject: @autoclosure () -> String = ""
) throws(SystemError) -> Value {
  if result < 0 { throw SystemError(action(), subject(), Errno(rawValue: CInt(-result))) }
  return result
}
