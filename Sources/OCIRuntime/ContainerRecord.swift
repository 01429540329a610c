import Basics
import Images

/// What microrun keeps of a container from one command to the next, in `state.json`. What changes by itself is not in it: the kernel tells.
public struct ContainerRecord: Sendable {
  public var id: String
  /// Of its first process, as the commands' pid namespace numbers it.
  public var process: Int32
  /// When that began, in clock ticks since boot: with the number it is this process and no other.
  public var startTicks: UInt64
  /// Absolute.
  public var bundle: String
  /// Seconds since 1970.
  public var createdSeconds: UInt64
  /// The control group's name.
  public var cgroup: String

  public init(
    id: String, process: Int32, startTicks: UInt64, bundle: String, createdSeconds: UInt64, cgroup: String
  ) {
    self.id = id
    self.process = process
    self.startTicks = startTicks
    self.bundle = bundle
    self.createdSeconds = createdSeconds
    self.cgroup = cgroup
  }

  /// What is read of a file that is ours.
  public static let limits = JSONLimits(depth: 4, values: 64, inputBytes: 16 * 1024)

  public var text: String {
    JSONText.write(
      .object([
        .init(name: "id", value: .string(id)), .init(name: "pid", value: .number("\(process)")),
        .init(name: "startTicks", value: .number("\(startTicks)")), .init(name: "bundle", value: .string(bundle)),
        .init(name: "createdSeconds", value: .number("\(createdSeconds)")),
        .init(name: "cgroup", value: .string(cgroup)),
      ])) + "\n"
  }

  /// Nil: it is no record.
  public init?(_ bytes: [UInt8]) {
    guard let value = try? JSONReader.read(bytes, limits: Self.limits), let id = value["id"]?.stringValue,
      let pid = value["pid"]?.unsignedValue, let process = Int32(exactly: pid), process > 0,
      let ticks = value["startTicks"]?.unsignedValue, let bundle = value["bundle"]?.stringValue,
      let created = value["createdSeconds"]?.unsignedValue, let cgroup = value["cgroup"]?.stringValue
    else { return nil }
    self.init(id: id, process: process, startTicks: ticks, bundle: bundle, createdSeconds: created, cgroup: cgroup)
  }

  /// The names that a container may have, which are directories of ours as well.
  public static func isName(_ id: String) -> Bool {
    let bytes = Array(id.utf8)
    guard (1...128).contains(bytes.count), ASCII.isLetterOrDigit(bytes[0]) else { return false }
    return bytes.allSatisfy { ASCII.isLetterOrDigit($0) || "_+-.".utf8.contains($0) }
  }
}

/// A container's state in the OCI runtime spec's words.
public enum ContainerStatus: String, Sendable {
  case creating, created, running, stopped, paused
}

extension ContainerRecord {
  /// The document that `state` prints and hooks read.
  public func state(_ status: ContainerStatus, annotations: [(name: String, value: String)]) -> JSONValue {
    var members: [JSONValue.Member] = [
      .init(name: "ociVersion", value: .string(OCIVersion.text)), .init(name: "id", value: .string(id)),
      .init(name: "status", value: .string(status.rawValue)),
      .init(name: "pid", value: .number(status == .stopped ? "0" : "\(process)")),
      .init(name: "bundle", value: .string(bundle)),
      .init(name: "created", value: .string(CivilTime(seconds: createdSeconds).text)),
    ]
    if !annotations.isEmpty {
      members.append(
        .init(
          name: "annotations",
          value: .object(annotations.map { JSONValue.Member(name: $0.name, value: .string($0.value)) })))
    }
    return .object(members)
  }
}

extension ContainerRecord {
  /// The same document without a process's number, in the two halves around it.
  static func stateAroundNumber(
    id: String, bundle: String, _ status: ContainerStatus, annotations: [(name: String, value: String)]
  ) -> (String, String) {
    let known: [JSONValue.Member] = [
      .init(name: "ociVersion", value: .string(OCIVersion.text)), .init(name: "id", value: .string(id)),
      .init(name: "status", value: .string(status.rawValue)), .init(name: "bundle", value: .string(bundle)),
      .init(
        name: "annotations",
        value: .object(annotations.map { JSONValue.Member(name: $0.name, value: .string($0.value)) })),
    ]
    return ("{\"pid\":", "," + JSONText.write(.object(known)).dropFirst() + "\n")
  }
}

/// The version of the OCI runtime spec that microrun does.
public enum OCIVersion {
  public static let text = "1.2.0"
}
