import Basics
import EventLoop
import MicroAgent
import Microcloud
import Transport

// What the node says of itself and its services, by gossip and by multicast DNS.
extension NodeNetwork {
  /// So much memory is free now, and the containers that run offer this.
  func update(freeMemoryBytes: UInt64, contained: [OwnServices.Entry]) {
    schedule.setFreeMemory(bytes: freeMemoryBytes)
    if services.setContained(contained) { servicesChanged() }
    setAlarm()
  }

  /// Publishes a service that runs beside containers. `completion` is called when that outlives a power cut, or with what
  /// is wrong.
  func publish(_ publication: Publication, completion: @escaping (String?) -> Void) throws(RequestError) {
    try services.publish(publication)
    keepServices(completion)
  }

  func unpublish(_ name: String, completion: @escaping (String?) -> Void) throws(RequestError) {
    try services.unpublish(name)
    keepServices(completion)
  }

  private func keepServices(_ completion: @escaping (String?) -> Void) {
    memory.save(.publications, services.encodedBeside, completion: completion)
    servicesChanged()
  }

  private func servicesChanged() {
    onServices?(services.entries)
    schedule.setChanged()
    announce()
    sayTagIfDue()
    setAlarm()
  }

  // MARK: Gossip

  /// What is said of the node in a membership where it has this name and address.
  func tags(_ name: NodeName, _ address: IPAddress) -> Tags { [ServicesTag.name: tag(name, address).value] }

  private func tag(_ name: NodeName, _ address: IPAddress) -> (value: String, dropped: [Int]) {
    let entry = MicroagentEntry(
      coapPort: settings.coapPort, isa: Processor.level, fingerprint: identity.fingerprint,
      freeMemoryMiB: schedule.toldMemoryMiB, isClaimed: identity.standing == .claimed)
    return services.tag(
      entry, node: name.description, address: address, microcloud: microcloud?.choice.name ?? MicrocloudName.customary)
  }

  /// Which of `services` have no room in the tag of one membership or another, as it is told now or soon.
  var dropped: [Int] {
    clusters.flatMap { cluster in
      cluster.state.map { tag($0.name, $0.address.address).dropped } ?? []
    }
  }

  func sayTagIfDue() {
    guard schedule.take(now: loop.now) else { return }
    for cluster in clusters {
      guard let state = cluster.state else { continue }
      cluster.setTags(tags(state.name, state.address.address))
    }
  }

  // MARK: Multicast DNS

  /// Publishes what there is now and takes back what is no more; looks for agents of the microcloud.
  func announce() {
    guard let mdns, let microcloud else { return }
    let announcement = NodeAnnouncement(
      name: microcloud.name, version: Version.text, fingerprint: identity.fingerprint,
      coapPort: settings.coapPort, standing: identity.standing, microcloud: microcloud.announced,
      services: services.announced)
    do throws(DNSError) {
      let publications = try announcement.publications()
      for id in announced where !publications.contains(where: { $0.id == id }) {
        mdns.perform { $0.withdraw(id, now: $1) }
      }
      for publication in publications { mdns.perform { $0.publish(publication, now: $1) } }
      announced = publications.map { $0.id }
      let types = try NodeAnnouncement.typesToBrowse(microcloud: microcloud.announced?.name)
      for type in browsed where !types.contains(type) {
        mdns.perform { machine, _ in
          machine.stopBrowsing(type)
          return []
        }
      }
      for type in types where !browsed.contains(type) { mdns.perform { $0.browse(type, now: $1) } }
      browsed = types
    } catch {
      // All of it was checked where it came from.
      Diagnostics.line("announce this node by multicast DNS: \(error)")
    }
  }
}
