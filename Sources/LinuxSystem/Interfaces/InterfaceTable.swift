import Basics

/// All network interfaces, out of what the kernel tells: first everything, when asked, then each change.
public struct InterfaceTable: Sendable {
  /// The most interfaces that are kept; a board with a hundred containers has a hundred and a few.
  public static let maximumInterfaces = 512
  /// The most addresses of an interface that are kept.
  public static let maximumAddresses = 64

  private enum Phase {
    case links
    case addresses
    case complete
  }

  /// In the order of their indices; what was last known while everything is told anew.
  public private(set) var interfaces: [NetworkInterface] = []
  /// What is being told.
  private var told: [NetworkInterface] = []
  private var phase = Phase.complete
  private var sequence: UInt32 = 0

  public init() {}

  /// The request to send so that everything is told: at first, and when something may have been missed.
  public mutating func begin() -> [UInt8] {
    told = []
    return ask(.links, .links)
  }

  /// Takes what a receive gave; the request to send next, if there is one.
  public mutating func receive(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
    var request: [UInt8]?
    for message in RouteMessage.decode(bytes) {
      switch message {
      case .link(let index, let name, let flags): add(index, name, flags)
      case .linkGone(let index): told.removeAll { $0.index == index }
      case .address(let address, let interface): change(interface, address.address, to: address)
      case .addressGone(let address, let interface): change(interface, address, to: nil)
      case .done(let number, let isWhole) where number == sequence: request = advance(isWhole) ?? request
      case .done: break
      }
    }
    if phase == .complete { interfaces = told }
    return request
  }

  private mutating func advance(_ isWhole: Bool) -> [UInt8]? {
    switch phase {
    case .complete: return nil
    case _ where !isWhole: return begin()
    case .links: return ask(.addresses, .addresses)
    case .addresses:
      phase = .complete
      return nil
    }
  }

  private mutating func ask(_ request: RouteRequest, _ phase: Phase) -> [UInt8] {
    self.phase = phase
    sequence &+= 1
    return request.encoded(sequence: sequence)
  }

  private mutating func add(_ index: UInt32, _ name: String, _ flags: NetworkInterface.Flags) {
    if let place = told.firstIndex(where: { $0.index == index }) {
      told[place].name = name
      told[place].flags = flags
    } else if told.count < Self.maximumInterfaces {
      let place = told.firstIndex { $0.index > index } ?? told.count
      told.insert(NetworkInterface(index: index, name: name, flags: flags), at: place)
    }
  }

  private mutating func change(_ interface: UInt32, _ address: IPAddress, to new: NetworkInterface.Address?) {
    guard let place = told.firstIndex(where: { $0.index == interface }) else { return }
    if let known = told[place].addresses.firstIndex(where: { $0.address == address }) {
      told[place].addresses.remove(at: known)
      if let new { told[place].addresses.insert(new, at: known) }
    } else if let new, told[place].addresses.count < Self.maximumAddresses {
      told[place].addresses.append(new)
    }
  }
}
