import Basics
import Crypto
import Microcloud

extension Ownership {
  /// What is told of it to those who may know.
  ///
  /// - Parameter claimableSeconds: how long anybody may claim the board; 0: not now.
  public func value(standing: NodeStanding, claimableSeconds: UInt64) -> CBORValue {
    var map = CBORMap()
    if let owner { map[.owner] = .text(Hexadecimal.text(owner.compressed)) }
    map[.isConfigured] = .bool(isConfigured)
    map[.standing] = standing.value
    map[.claimableSeconds] = .unsigned(claimableSeconds)
    return .map(map)
  }
}
