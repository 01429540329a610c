import Basics
import EventLoop
import LinuxSystem
import Microcloud
import NodeSecurity

/// A `CoAPEndpoint` on a UDP socket and a timer.
final class DriverSocket {
  private(set) var endpoint: CoAPEndpoint
  private let loop: EventLoop
  private var socket: UDPSocket?
  private var groupSocket: MulticastSocket?
  private var timer: Timer?
  private let trustsAll: Bool
  var onEffect: ((CoAPEffect) -> Void)?
  /// Called after effects and at `wakeAt`.
  var onTurn: (() -> Void)?
  var wakeAt: Instant?

  /// - Parameter interface: where a multicast address is heard, with what is sent there to us alone.
  init(
    on loop: EventLoop, boundTo address: SocketAddress, interface: UInt32? = nil, trustsAll: Bool
  ) throws(SystemError) {
    self.loop = loop
    self.trustsAll = trustsAll
    var limits = CoAPLimits()
    limits.requestsPerSecond = 1_000_000
    limits.leisureMilliseconds = 500
    endpoint = CoAPEndpoint(limits: limits, digest: HMACDigest.keyed(by: BigEndian.bytes(loop.now.nanoseconds)))
    timer = try Timer(on: loop) { [unowned(unsafe) self] in act { $0.tick(now: loop.now) } }
    if let interface {
      groupSocket = try MulticastSocket(on: loop, group: address, interface: interface) { [unowned(unsafe) self] in
        received($0.bytes, $0.source, isMulticast: $0.isMulticast)
      }
    } else {
      socket = try UDPSocket(on: loop, boundTo: address) { [unowned(unsafe) self] bytes, source in
        received(bytes, source, isMulticast: false)
      }
    }
  }

  var now: Instant { loop.now }
  var port: UInt16 { socket?.localAddress?.port ?? 0 }

  private func received(_ bytes: [UInt8], _ source: SocketAddress, isMulticast: Bool) {
    if trustsAll { endpoint.prove(source, now: now) }
    act { $0.receive(bytes, from: source, isMulticast: isMulticast, now: now) }
  }

  func act(_ body: (inout CoAPEndpoint) -> [CoAPEffect]) {
    for effect in body(&endpoint) {
      if case .send(let bytes, let peer) = effect {
        do throws(SystemError) {
          try socket?.send(bytes, to: peer)
          try groupSocket?.send(bytes, to: peer)
        } catch {
          say("\(error)")
        }
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
