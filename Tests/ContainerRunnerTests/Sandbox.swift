import Basics
import CSystem
import ContainerRunner
import Foundation
import LinuxSystem
import Testing

/// A folder with a busybox root file system, on a disk (id-mapped mounts of tmpfs are young), gone with its value.
final class Sandbox {
  let path: String
  var rootPath: String { path + "/root" }

  init() throws {
    path = "/var/tmp/microagent-runner-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    for directory in ["bin", "etc", "tmp", "proc", "dev", "sys"] {
      try Files.makeDirectories(rootPath + "/" + directory)
    }
    // A copy would be open for writing for a moment, also in whatever other tests fork in it, and could not be run then.
    let busybox = rootPath + "/bin/busybox"
    do {
      try FileManager.default.linkItem(atPath: "/bin/busybox", toPath: busybox)
    } catch {
      try FileManager.default.copyItem(atPath: "/bin/busybox", toPath: busybox)
    }
    for applet in ["sh", "cat", "id", "ls", "mount", "hostname", "grep", "true", "sleep", "touch", "stat", "ip"] {
      try FileManager.default.createSymbolicLink(
        atPath: rootPath + "/bin/" + applet, withDestinationPath: "busybox")
    }
    try Data("lower\n".utf8).write(to: URL(fileURLWithPath: rootPath + "/etc/layer"))
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  static let firstHostID: UInt32 = 200_000

  func spec(_ args: [String], readonly: Bool = true, overlay: Bool = false, firstHostID: UInt32 = firstHostID)
    -> ContainerSpec
  {
    let layers = overlay ? OverlaySpec(upper: path + "/upper", work: path + "/work") : nil
    return .standard(
      name: "box", root: RootSpec(path: rootPath, readonly: readonly, overlay: layers), args: args,
      firstHostID: firstHostID)
  }
}

/// How a container's first process ended, and what it wrote.
struct Outcome {
  var output = ""
  var exitCode: Int32 = -1
  var failure: LaunchError?

  var lines: [Substring] { output.split(separator: "\n") }
}

enum Live {
  /// Starts, releases and waits for a container.
  static func run(_ spec: ContainerSpec, facts: HostFacts? = nil, release: Bool = true) throws -> Outcome {
    let host: HostFacts
    if let facts { host = facts } else { host = try HostFacts.discover() }
    let plan = try LaunchPlan(
      spec, facts: host, rootMagic: (try? HostFacts.fileSystemMagic(of: spec.root.path)) ?? 0xEF53)
    return try run(plan, release: release)
  }

  static func run(_ plan: LaunchPlan, release: Bool = true) throws -> Outcome {
    var pipe = try OutputPipe.make()
    var descriptors = LaunchDescriptors(
      standardOutput: pipe.writing.rawValue, standardError: pipe.writing.rawValue)
    let users: CInt = plan.needsUserNamespace ? try UserNamespace.make(plan).release() : -1
    defer { if users >= 0 { close(users) } }
    descriptors.userNamespace = users
    var started = try start(plan, &descriptors)
    pipe.writing = try FileDescriptor.open("/dev/null", O_RDONLY)
    if release {
      try ContainerProcess.releaseToExec(started.control)
    } else {
      started.control = try FileDescriptor.open("/dev/null", O_RDONLY)
    }
    return try finish(plan, started, reading: pipe.reading.rawValue)
  }

  private static func start(_ plan: LaunchPlan, _ descriptors: inout LaunchDescriptors) throws -> StartedProcess {
    guard plan.hasMounter else { return try ContainerProcess.start(plan, descriptors) }
    let mounter = try Mounter.start(plan, userNamespace: descriptors.userNamespace)
    descriptors.mounts = mounter.mounts.rawValue
    let started = try ContainerProcess.start(plan, descriptors)
    #expect(isReadable(mounter.pidfd.rawValue))
    var status = system_exit_status()
    try check(system_wait(mounter.pid, 0, &status), "wait")
    #expect(status.by_signal == 0)
    return started
  }

  static func finish(_ plan: LaunchPlan, _ started: consuming StartedProcess, reading: CInt) throws -> Outcome {
    var outcome = Outcome()
    outcome.failure = ContainerProcess.parseFailure(drain(started.errors.rawValue), of: plan)
    let output = drain(reading)
    outcome.output = String(decoding: output, as: UTF8.self)
    #expect(isReadable(started.pidfd.rawValue))
    var status = system_exit_status()
    try check(system_wait(started.pid, 0, &status), "wait")
    outcome.exitCode = status.by_signal != 0 ? 128 + status.code : status.code
    return outcome
  }

  /// Waits until there is something to read, or the other end is gone; a minute means that something hangs.
  static func isReadable(_ descriptor: CInt) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 60_000) == 1
  }

  private static func drain(_ descriptor: CInt) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while isReadable(descriptor) {
      let count = system_read(descriptor, &chunk, chunk.count)
      if count <= 0 { break }
      bytes += chunk[..<Int(count)]
    }
    return bytes
  }
}
