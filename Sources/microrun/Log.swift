import Basics
import CSystem
import LinuxSystem
import OCIRuntime

/// Where errors go: standard error, and a file that an engine reads.
struct Log {
  private let path: String?
  private let isJSON: Bool

  init(_ arguments: Arguments) throws(Failure) {
    path = arguments.value("log")
    let format = arguments.value("log-format") ?? "text"
    guard format == "text" || format == "json" else {
      throw Failure("--log-format: it must be text or json, not \(format)", exitCode: ExitCode.usage)
    }
    isJSON = format == "json"
  }

  func error(_ line: String) {
    Streams.write("microrun: \(Streams.clean(line))\n", to: 2)
    write("error", line)
  }

  /// For what is no failure: it goes to the file only.
  func warning(_ line: String) { write("warning", line) }

  private func write(_ level: String, _ line: String) {
    guard let path else { return }
    let time = CivilTime(seconds: Clock.wallSeconds()).text
    let text =
      isJSON
      ? "{\"level\":\"\(level)\",\"msg\":\(JSONText.quoted(line)),\"time\":\"\(time)\"}\n"
      : "time=\"\(time)\" level=\(level) msg=\(JSONText.quoted(line))\n"
    guard let file = try? FileDescriptor.open(path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o644) else { return }
    Streams.write(text, to: file.rawValue)
  }
}
