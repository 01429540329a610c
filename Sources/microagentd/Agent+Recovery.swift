import Basics
import EventLoop
import LinuxSystem
import MicroAgent

extension Agent {
  /// Takes over from an earlier agent: the store says what should be, the keeper and the kernel what is.
  func recover(_ containers: [Container], _ leases: [Lease]) throws(SystemError) {
    // First the kernel, then the keeper: what ends in between is still there for the one or known to the other.
    let processes = containers.map { $0.process.flatMap { ProcessStatus(of: $0.process) } }
    let state = try keeper.receiveState()
    var recovered = supervisor.adopt(leases: leases, now: loop.now)
    try host.takeOver(state, containers)
    for (var container, process) in zip(containers, processes) {
      let observation = host.observe(container, process)
      container.isPaused = host.isPaused(container.id)
      recovered += supervisor.adopt(container, observation, now: loop.now)
    }
    recovered += supervisor.settleAdopted(now: loop.now)
    host.removeUnclaimed(containers)
    if life.generation > 1 {
      notices.append("the agent was started again by its keeper, \(life.generation - 1) times so far")
    }
    perform(recovered)
  }
}
