import CSystem
import Cgroups
import ContainerRunner
import LinuxSystem
import MicroAgent

/// Turns what was asked for into what is done: request, spec, plan.
final class Launcher {
  let layout: CgroupLayout
  private let configuration: Configuration
  private let facts: HostFacts
  /// A user namespace with the containers' id maps; made when the first container needs it.
  private var userNamespace: FileDescriptor?

  init(_ configuration: Configuration) throws(StartError) {
    self.configuration = configuration
    do throws(CgroupError) {
      layout = try CgroupLayout.discover()
    } catch {
      throw StartError("\(error)")
    }
    do throws(SystemError) {
      facts = try HostFacts.discover()
    } catch {
      throw StartError("\(error)")
    }
    if facts.kernel < KernelVersion.oldestSupported {
      throw StartError(
        "kernel \(facts.kernel) is too old: containers need Linux \(KernelVersion.oldestSupported) or newer")
    }
  }
}
