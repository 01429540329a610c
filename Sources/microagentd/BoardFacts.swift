import LinuxSystem
import MicroAgent

/// What the board has and can do, as far as others are offered of it.
enum BoardFacts {
  /// What containers may have of it at all.
  ///
  /// - Parameter memoryBytes: of its memory.
  static func amount(memoryBytes: UInt64, stateDirectory: String) -> Resources {
    Resources(
      memoryBytes: memoryBytes, cpuMillis: MachineStatus.cores() * 1000,
      diskBytes: MachineStatus.freeDiskBytes(stateDirectory), processes: Budget.mostProcesses,
      containers: UInt64(Supervisor.maximumContainers))
  }

  static func abilities(cgroupVersion: String, keepsDiskBudgets: Bool) -> NodeAbilities {
    var abilities = NodeAbilities()
    abilities.keepsDiskBudgets = keepsDiskBudgets
    abilities.cgroupVersion = cgroupVersion
    abilities.hasUserNamespaces = Files.exists("/proc/self/ns/user")
    abilities.hasOverlay = MachineStatus.hasFileSystem("overlay")
    abilities.hasPressure = Files.exists("/proc/pressure/memory")
    return abilities
  }
}
