import Microcloud

/// One container that somebody wants to run on one node, whichever that is.
public struct PlacementWish: Equatable, Sendable {
  /// It has a name, by which it is found again where the answer to its creation is lost.
  public var container: ContainerRequest
  /// What is leased for it. Its request id is new for each wish: asked for again, on the same node, it is the same lease.
  public let lease: LeaseRequest
  /// The least that the processor must be; nil: any will do.
  public var isa: ISALevel?

  /// - Parameters:
  ///   - container: the request, without a lease.
  ///   - requestID: 8 to 16 bytes that no other wish has.
  ///   - durationSeconds: how long the node is to set its part aside.
  public init(_ container: ContainerRequest, requestID: [UInt8], durationSeconds: UInt64) {
    self.container = container
    var lease = LeaseRequest()
    lease.requestID = requestID
    lease.size = Resources(of: container.budget)
    lease.durationSeconds = durationSeconds
    self.lease = lease
  }

  /// What is wrong with it, wherever it is placed, as one line; nil: nothing.
  public var problem: String? {
    container.name.isEmpty ? "container: give it a name" : container.problem ?? lease.problem
  }
}
