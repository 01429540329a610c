import Cgroups
import EventLoop
import LinuxSystem
import MicroAgent
import Microcloud

/// What is measured.
extension Agent {
  /// The node, and of its containers those that a principal is told of.
  func metrics(for principal: Principal) -> CBORValue {
    let node = network.status.name
    var pack = SenMLPack()
    pack.begin("\(node)/", seconds: Clock.wallSeconds())
    let memory = MachineStatus.memory()
    pack.add("memory-total", .bytes, memory.totalBytes)
    pack.add("memory-available", .bytes, memory.availableBytes)
    pack.add("memory-reserved", .bytes, supervisor.ledger.reserved.memoryBytes)
    pack.add("memory-wait", .seconds, thousandths: MachineLoad.memoryWaitMilliseconds())
    pack.add("cpu-time", .seconds, thousandths: MachineLoad.busyMilliseconds())
    pack.add("load", .count, thousandths: MachineLoad.averageThousandths())
    pack.add("containers", .count, UInt64(supervisor.containers.count { $0.isAlive }))
    for container in containers(for: principal) where container.isAlive {
      let usage = host.usage(ofID: container.id)
      pack.begin("\(node)/containers/\(container.name)/")
      pack.add("memory-used", .bytes, usage.memoryBytes)
      pack.add("cpu-time", .seconds, thousandths: usage.cpuNanoseconds.map { $0 / 1_000_000 })
      pack.add("processes", .count, usage.pids)
    }
    return pack.value
  }
}
