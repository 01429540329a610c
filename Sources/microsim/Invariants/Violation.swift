import Basics

/// Something that must not be.
struct Violation {
  /// What must hold, by a name; docs/TESTING.md says more of each.
  enum Invariant: String {
    /// All nodes find one another after they were switched on.
    case coldStart = "cold-start"
    /// When all is mended, every node that is there knows all others, as they say they are, and nobody else.
    case healing
    /// A node that nobody has heard of is taken in by all.
    case newcomer
    /// A node that is there and can be reached is not said to have failed.
    case alive
    /// Where nothing is lost but now and then a packet, hardly anybody is suspected.
    case suspicion
    /// A node without power is noticed.
    case detection
    /// Who has said farewell has left, and did not fail.
    case farewell
    /// A node keeps its name, even if its address is another one.
    case name
    /// What a node says of itself is soon known to nearly all,
    case gossip
    /// and then to all.
    case spread
    /// A node does not take itself for dead.
    case oneself
    /// Numbers of refutations do not run away.
    case incarnation
    /// Tables stay within their limits.
    case table
    /// No packet is longer than may be sent.
    case packet
    /// A node has something to do only when time has gone by.
    case busy
    /// Where nothing happens, little is sent.
    case rest
    /// No board promises more than it offers, nor is more in its store.
    case offer
    /// A container is made once, and runs on one board.
    case once
    /// What somebody was told it has, it has, until its time is over or it does not want it any more.
    case kept
    /// Whose board has lost what it knew is told.
    case told
    /// A program does not run on when its lease is over.
    case ends
    /// A request is taken once.
    case replay
    /// Nothing is said twice under one nonce.
    case nonce
  }

  let invariant: Invariant
  let at: Instant
  let text: String
}
