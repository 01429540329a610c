import Basics
import EventLoop
import LinuxSystem
import Microcloud
import NodeSecurity

/// A `CoAPEndpoint` on UDP sockets and a timer.
final class DriverSocket {
  private(set) var endpoint: CoAPEndpoint
  private let loop: EventLoop
  private var socket: UDPSocket?
  private var groupSocket: UDPSocket?
  private var timer: Timer?
  private let trustsAll: Bool
  var onEffect: ((CoAPEffect) -> Void)?
  /// Called after effects and at `wakeAt`.
  var onTurn: (() -> Void)?
  var wakeAt: Instant?

  init(on loop: EventLoop, boundTo address: SocketAddress, trustsAll: Bool) throws(SystemError) {
    self.loop = loop
    self.trustsAll = trustsAll
    var limits = CoAPLimits()
    limits.requestsPerSecond = 1_000_000
    limits.leisureMilliseconds = 500
    endpoint = CoAPEndpoint(limits: limits, digest: HMACDigest.keyed(by: BigEndian.bytes(loop.now.nanoseconds)))
    timer = try Timer(on: loop) { [unowned(unsafe) self] in act { $0.tick(now: loop.now) } }
    socket = try UDPSocket(on: loop, boundTo: address, shared: true) { [unowned(unsafe) self] bytes, source in
      received(bytes, source, isMulticast: false)
    }
  }

  var now: Instant { loop.now }
  var port: UInt16 { socket?.localAddress?.port ?? 0 }

  /// What comes to a socket that is bound to a group was sent to the group.
  func join(_ group: SocketAddress, interface: String) throws(SystemError) {
    let joined = try UDPSocket(on: loop, boundTo: group, shared: true) { [unowned(unsafe) self] bytes, source in
      received(bytes, source, isMulticast: true)
    }
    try joined.join(group.address, interface: interface)
    groupSocket = joined
  }

  private func received(_ bytes: [UInt8], _ source: SocketAddress, isMulticast: Bool) {
    if trustsAll { endpoint.prove(source, now: now) }
    act { $0.receive(bytes, from: source, isMulticast: isMulticast, now: now) }
  }

  func act(_ body: (inout CoAPEndpoint) -> [CoAPEffect]) {
    for effect in body(&endpoint) {
      if case .send(let bytes, let peer) = effect {
        do throws(SystemError) { try socket?.send(bytes, to: peer) } catch { say("\(error)") }
      } else {
        onEffect?(effect)
      }
    }
    onTurn?()
    schedule()
  }

  private func schedule() {
    let next = [endpoint.nextDeadline, wakeAt].compactMap { $0 }.min()
    guard let next else { return }
    timer?.start(milliseconds: next.milliseconds(since: now))
  }
}
