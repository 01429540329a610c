import CSystem
import LinuxSystem

/// Tells which network interfaces there are and what addresses they have, at first and whenever that changes.
public final class InterfaceWatcher {
  private let loop: EventLoop
  private let isIncluded: (NetworkInterface) -> Bool
  private var watcher: DescriptorWatcher?
  private var table = InterfaceTable()
  private var onChange: (([NetworkInterface]) -> Void)?

  /// Those that are there now, in the order of their indices; none before the first call of `onChange`.
  public private(set) var interfaces: [NetworkInterface] = []

  /// - Parameter isIncluded: which interfaces count; those of containers may be left out by their names.
  public init(
    on loop: EventLoop, isIncluded: @escaping (NetworkInterface) -> Bool = { _ in true },
    onChange: @escaping ([NetworkInterface]) -> Void
  ) throws(SystemError) {
    self.loop = loop
    self.isIncluded = isIncluded
    self.onChange = onChange
    let socket = try check(system_route_socket(), "watch", "network interfaces")
    watcher = try DescriptorWatcher(on: loop, owning: FileDescriptor(owning: socket)) { [unowned(unsafe) self] _ in
      receive()
    }
    try watcher?.start(.readable)
    try send(table.begin())
  }

  deinit { watcher?.close() }

  /// Ends the watch and lets its closures go.
  public func close() {
    watcher?.close()
    watcher = nil
    onChange = nil
  }

  private func send(_ request: [UInt8]) throws(SystemError) {
    guard let descriptor = watcher?.descriptor else { return }
    try check(request.withUnsafeBytes { system_write(descriptor, $0.baseAddress, $0.count) }, "ask for", "interfaces")
  }

  /// Takes all that the kernel has to tell, and then tells what has become different by it. Where the kernel could not
  /// keep it all, everything is asked for anew.
  private func receive() {
    guard let descriptor = watcher?.descriptor else { return }
    let buffer = loop.state.pointee.readBuffer
    var request: [UInt8]?
    while true {
      let count = system_receive_from_kernel(descriptor, buffer, EventLoop.readBufferBytes)
      if count == -Int(Errno.noBufferSpace.rawValue) {
        request = table.begin()
      } else if count > 0 {
        request = table.receive(Array(UnsafeRawBufferPointer(start: buffer, count: count))[...]) ?? request
      } else {
        break
      }
    }
    // The kernel takes requests at once; one that it has no memory for is made with the next change.
    if let request { try? send(request) }
    let included = table.interfaces.filter(isIncluded)
    if included == interfaces { return }
    interfaces = included
    let call = onChange
    call?(included)
  }
}
