import Foundation

/// A directory of a test's own, gone with its value and all that is in it. Its path is short enough for a socket's.
public final class TemporaryDirectory {
  public let path: String

  public init() {
    var template = Array((NSTemporaryDirectory() + "microagent-XXXXXX").utf8CString)
    guard let made = template.withUnsafeMutableBufferPointer({ mkdtemp($0.baseAddress!) }) else {
      fatalError("no directory can be made in \(NSTemporaryDirectory())")
    }
    path = String(cString: made)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  public func file(_ name: String) -> String { path + "/" + name }
}
