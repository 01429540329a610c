import Basics
import LinuxSystem

/// One step of making or changing a group. Plans are lists of these, so that they can be shown, tested without root and
/// done one by one; each is harmless when done again.
public enum CgroupOperation: Equatable, Sendable, CustomStringConvertible {
  /// Makes a directory; one that is there is as good.
  case makeDirectory(path: String)
  /// Writes a control file in one write(2).
  case write(path: String, text: String)
  /// The same, where a kernel without the file needs no write.
  case writeIfPresent(path: String, text: String)
  /// Opens what a child is put into the group by (`CgroupJoin`).
  case openForJoin(path: String, way: CgroupJoin.Way)

  public var description: String {
    switch self {
    case .makeDirectory(let path): "make directory \(path)"
    case .write(let path, let text): "write \(text) to \(path)"
    case .writeIfPresent(let path, let text): "write \(text) to \(path) if there is one"
    case .openForJoin(let path, .tasks): "open \(path) for the child to write 0 to"
    case .openForJoin(let path, .cloneInto): "open \(path) to start the child in"
    }
  }

  /// Does it. What `openForJoin` opens is added to `join`.
  public func perform(into join: inout CgroupJoin) throws(CgroupError) {
    switch self {
    case .makeDirectory(let path):
      try explained { () throws(SystemError) in try Files.makeDirectory(path) }
    case .write(let path, let text):
      try explained { () throws(SystemError) in try Files.write(text, to: path) }
    case .writeIfPresent(let path, let text):
      if Files.exists(path) { try explained { () throws(SystemError) in try Files.write(text, to: path) } }
    case .openForJoin(let path, let way):
      join.add(try explained { () throws(SystemError) in try FileDescriptor.open(path, for: way.purpose) }, way)
    }
  }
}

/// The steps of making or changing a group, and what they leave undone.
public struct CgroupPlan: Equatable, Sendable {
  public var operations: [CgroupOperation]
  public var caveats: [CgroupCaveat]

  public init(operations: [CgroupOperation] = [], caveats: [CgroupCaveat] = []) {
    self.operations = operations
    self.caveats = caveats
  }

  /// Does all steps in order and stops at the first that fails. What was made until then is left for `remove()`.
  public func perform() throws(CgroupError) {
    var join = CgroupJoin()
    for operation in operations { try operation.perform(into: &join) }
  }
}

/// Open descriptors by which a new child gets into a group without waiting for the kernel's RCU grace periods, which a
/// write to `cgroup.procs` does for 5 to 25 ms. They are closed when this value ends, and on exec.
public struct CgroupJoin: ~Copyable {
  public enum Way: Equatable, Sendable {
    /// v1: the child, while it has one thread, writes `0` to each descriptor.
    case tasks
    /// v2: clone3(2) is given the one descriptor with CLONE_INTO_CGROUP.
    case cloneInto

    var purpose: FileDescriptor.Purpose { self == .tasks ? .writing : .directory }
  }

  /// Nil while nothing has been opened.
  public private(set) var way: Way?
  /// Stay owned by this value.
  public private(set) var descriptors: [CInt] = []

  public init() {}

  deinit {
    for descriptor in descriptors { _ = FileDescriptor(owning: descriptor) }
  }

  mutating func add(_ descriptor: consuming FileDescriptor, _ way: Way) {
    self.way = way
    descriptors.append(descriptor.release())
  }
}
