import Foundation
import TestSupport
import Testing

@testable import Cgroups

extension TemporaryDirectory {
  func write(_ text: String, to file: String) throws {
    let url = URL(fileURLWithPath: self.file(file))
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
  }

  func read(_ file: String) throws -> String { try String(contentsOfFile: self.file(file), encoding: .utf8) }
}

/// What a control file says now, without its newline.
func contents(_ path: String) -> String? {
  try? String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
}

/// Asks until it is so; false if it was not within ten seconds.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
  for _ in 0..<1000 {
    if try condition() { return true }
    usleep(10_000)
  }
  return false
}

/// Whether an event is ready, within some milliseconds.
func isReady(_ event: borrowing CgroupEvent, withinMilliseconds: Int32) -> Bool {
  let wanted = Int16(event.readiness == .readable ? POLLIN : POLLPRI)
  var request = pollfd(fd: event.descriptor.rawValue, events: wanted, revents: 0)
  return poll(&request, 1, withinMilliseconds) == 1 && request.revents & wanted != 0
}

/// A shell script as a child whose descriptors from 3 on are those of a join. It is killed and reaped at the end.
final class ShellChild {
  let process: pid_t
  private var status: CInt?

  /// - Parameter script: with a v1 join it runs after the shell has written `0` to each descriptor.
  init(_ script: String, joining join: borrowing CgroupJoin = CgroupJoin()) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    var prologue = ""
    // Copies above the numbers that the shell can name, then down to 3, 4, …
    let high = try join.descriptors.map { descriptor in
      let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 100)
      try #require(copy >= 100)
      return copy
    }
    defer { for copy in high { close(copy) } }
    for (index, copy) in high.enumerated() {
      posix_spawn_file_actions_adddup2(&actions, copy, CInt(3 + index))
      prologue += "echo 0 >&\(3 + index) || exit 99; exec \(3 + index)>&-; "
    }
    let words: [String] = ["/bin/sh", "-c", prologue + script]
    let arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var process = pid_t()
    let result = posix_spawn(&process, "/bin/sh", &actions, nil, arguments, environ)
    try #require(result == 0)
    self.process = process
  }

  /// The exit code, or 128 and the signal, once it has ended; nil if it has not within ten seconds.
  func end() -> CInt? {
    if let status { return status }
    var raw: CInt = 0
    guard eventually({ waitpid(process, &raw, WNOHANG) == process }) else { return nil }
    status = raw & 0x7F == 0 ? raw >> 8 & 0xFF : 128 + raw & 0x7F
    return status
  }

  deinit {
    if status != nil { return }
    kill(process, SIGKILL)
    var raw: CInt = 0
    waitpid(process, &raw, 0)
  }
}

/// A group of this test run's own on this machine, ended and removed when the test is done with it.
func withLiveGroup(
  _ layout: CgroupLayout, _ name: String, _ body: (Cgroup) throws -> Void
) throws {
  let top = try Cgroup("microagent-test-\(getpid())-\(name)", in: layout)
  let group = try top.child("inner")
  func cleanUp() throws {
    try top.kill()
    #expect(try eventually { try top.remove() == .removed })
    #expect(!top.exists)
  }
  do {
    try body(group)
  } catch {
    try cleanUp()
    throw error
  }
  try cleanUp()
}
