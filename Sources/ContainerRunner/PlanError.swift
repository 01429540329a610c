/// Why no plan can be made of a spec on this host. One line for a person.
public struct PlanError: Error, Hashable, CustomStringConvertible {
  public enum Reason: Hashable, Sendable {
    case kernelTooOld(KernelVersion)
    case kernelTooOldForRuntime(KernelVersion)
    case noProgram
    case notAbsolute(path: String)
    case nulInText(String)
    case noMountNamespace
    case noTimeNamespaces
    case hostnameWithoutNamespace
    case noMapping
    case notMapped(kind: String, id: UInt32)
    case cannotMapIDs(path: String, KernelVersion)
    case tooMany(String, limit: Int)
  }

  public let container: String
  public let reason: Reason

  init(_ container: String, _ reason: Reason) {
    self.container = container
    self.reason = reason
  }

  public var description: String {
    "container \(container): \(sentence)"
  }

  private var sentence: String {
    switch reason {
    case .kernelTooOld(let kernel):
      return "Linux \(kernel) is too old: containers need \(KernelVersion.oldestSupported) or newer"
    case .kernelTooOldForRuntime(let kernel):
      return "Linux \(kernel) is too old: an OCI container needs \(LaunchPlan.oldestKernelOfRuntime) or newer"
    case .noProgram: return "there is no program to run: give it in args"
    case .notAbsolute(let path): return "path \"\(path)\" is not absolute: begin it with /"
    case .nulInText(let text): return "a text holds a zero byte after \"\(text.prefix { $0 != "\0" })\""
    case .noMountNamespace: return "a container without a mount namespace would change the host's mounts"
    case .noTimeNamespaces: return "this kernel has no time namespaces (CONFIG_TIME_NS)"
    case .hostnameWithoutNamespace: return "a host name without a uts namespace would rename the host"
    case .noMapping: return "a user namespace needs uidMappings and gidMappings that include id 0"
    case .notMapped(let kind, let id): return "\(kind) \(id) is not mapped in the container's user namespace"
    case .cannotMapIDs(let path, let kernel):
      return "Linux \(kernel) cannot map the ids of the file system of \(path): unpack the image for this container"
    case .tooMany(let what, let limit): return "too many \(what): at most \(limit)"
    }
  }
}
