import Basics

/// How a registration stands, for people.
public enum RegistrationState: Equatable, Sendable {
  /// There is no address that others could reach us at.
  case noNetwork
  /// Nobody is in reach, or nobody answers.
  case searching
  /// Somebody took us in, and nobody has confirmed yet that others know.
  case joined
  case isIn
  /// We have joined, and it seems that nobody can reach us.
  case unreachable
  /// The membership takes its leave; then it begins anew at another address, or ends.
  case leaving
  case ended
}

extension Registration {
  public var state: RegistrationState {
    switch phase {
    case .ended: .ended
    case .leaving: .leaving
    case .waiting: .noNetwork
    case .running where address == nil: .noNetwork
    case .running where reachability.isUnreachable: .unreachable
    case .running where isIn: .isIn
    case .running: peers > 0 ? .joined : .searching
    }
  }

  /// State, reason and next attempt, in one line: `in: 12 members, through 10.1.2.3:5000`.
  public func status(now: Instant) -> String {
    switch state {
    case .noNetwork: "no network: there is no address at which others could reach us"
    case .searching: "searching: \(searchReason)\(nextAttempt(now))"
    case .joined: "joined: \(members)\(contact), not yet seen by others"
    case .isIn: "in: \(members)\(contact)"
    case .unreachable: "unreachable: \(unreachableReason)\(nextAttempt(now))"
    case .leaving where address == advertised || address == nil: "leaving"
    case .leaving: "leaving: the address changes to \(address.map { "\($0)" } ?? "")"
    case .ended: "left"
    }
  }

  /// We ourselves are one of them.
  private var members: String { "\(peers + 1) members" }
  private var contact: String { through.map { ", through \($0)" } ?? "" }

  private var searchReason: String {
    if contacts.isEmpty { return "no contact known" }
    if contacts.silent > 0 { return "no answer from \(contacts.silent) contact\(contacts.silent == 1 ? "" : "s")" }
    return "asking"
  }

  private var unreachableReason: String {
    let own = advertised.map { "\($0)" } ?? ""
    switch reachability.state {
    case .translated(let address): return "others see \(address), not \(own): behind NAT"
    case .unreachable(let seconds): return "nobody has reached \(own) in \(seconds) s: NAT or a firewall"
    case .guessed, .confirmed: return ""
    }
  }

  private func nextAttempt(_ now: Instant) -> String {
    if contacts.attempts > 0 { return ", trying \(contacts.attempts) now" }
    guard let next = contacts.nextAttempt(membersToo: reachability.isUnreachable) else { return "" }
    return ", next attempt in \((next.milliseconds(since: now) + 999) / 1000) s"
  }
}
