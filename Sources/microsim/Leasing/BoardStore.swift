import MicroAgent

/// What a board's store holds of containers and leases; what was written is there after a power cut.
struct BoardStore {
  enum Change {
    case put(Container)
    case delete(UInt64)
    case putLease(Lease)
    case deleteLease(UInt64)
  }

  struct Content {
    var containers: [UInt64: Container] = [:]
    var leases: [UInt64: Lease] = [:]
    var highestContainer: UInt64 = 0
    var highestLease: UInt64 = 0

    /// Oldest first, as a dictionary's own order is another one in every process.
    var containersInOrder: [Container] { containers.values.sorted { $0.id < $1.id } }
    var leasesInOrder: [Lease] { leases.values.sorted { $0.id < $1.id } }

    mutating func apply(_ change: Change) {
      switch change {
      case .put(let container):
        containers[container.id] = container
        highestContainer = max(highestContainer, container.id)
      case .delete(let id): containers[id] = nil
      case .putLease(let lease):
        leases[lease.id] = lease
        highestLease = max(highestLease, lease.id)
      case .deleteLease(let id): leases[id] = nil
      }
    }
  }

  /// So many changes later somebody has put a copy of it aside.
  private static let changesUntilCopy = 7

  private(set) var content = Content()
  private var copy = Content()
  private var changes = 0
  /// How often it was given back something else than was in it: what was promised before is void.
  private(set) var losses = 0

  mutating func apply(_ change: Change) {
    content.apply(change)
    changes += 1
    if changes % Self.changesUntilCopy == 0 { copy = content }
  }

  /// Somebody puts a copy back.
  mutating func goBack() {
    content = copy
    losses += 1
  }

  mutating func loseAll() {
    (content, copy) = (Content(), Content())
    losses += 1
  }
}
