import Cgroups
import LinuxSystem
import MicroAgent
import Microcloud

/// The processes in containers.
extension ContainerHost {
  /// Of so many it is told: an answer has its limits, and so has the time to make it.
  private static let mostProcesses = 64

  func processes(of container: Container) -> CBORValue {
    let all = (try? find(container.id)?.cgroup?.processes()) ?? []
    var map = CBORMap()
    map[.running] = .array(all.prefix(Self.mostProcesses).compactMap { value(of: $0, in: container) })
    map[.isCut] = .bool(all.count > Self.mostProcesses)
    return .map(map)
  }

  /// Nil: it has just ended.
  private func value(of process: Int32, in container: Container) -> CBORValue? {
    guard let details = ProcessDetails(of: process) else { return nil }
    let first = container.request.userNamespace ? UInt32(configuration.firstUserID) : 0
    var map = CBORMap()
    map[.process] = .unsigned(UInt64(process))
    map[.insideProcess] = .unsigned(details.innermost)
    map[.user] = .unsigned(UInt64(details.user >= first ? details.user - first : details.user))
    map[.state] = .text(details.state)
    map[.memoryUsedBytes] = .unsigned(details.memoryBytes)
    map[.cpuNanoseconds] = .unsigned(details.cpuNanoseconds)
    map[.name] = .text(details.name)
    return .map(map)
  }
}
