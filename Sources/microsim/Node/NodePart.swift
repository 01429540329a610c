import Basics

/// A stream between two nodes, on both sides the same.
typealias StreamNumber = UInt64

/// Something of a node that has a port of its own, UDP and TCP. All times are the node's own.
protocol NodePart: AnyObject {
  var port: UInt16 { get }
  /// When `tick` must next be called; nil: not before something else happens.
  var nextDeadline: Instant? { get }

  func tick(now: Instant)
  func receive(_ packet: [UInt8], from source: SocketAddress, now: Instant)
  /// Whether a peer's stream is taken.
  func accept(_ stream: StreamNumber, now: Instant) -> Bool
  func read(_ bytes: [UInt8], on stream: StreamNumber, now: Instant)
  func streamEnded(_ stream: StreamNumber, now: Instant)
}
