import Basics

/// How long a suspect has to refute: the longer the fewer members accuse it, for it may be the accuser who does not hear.
struct Suspicion {
  private let start: Instant
  private let minimumMilliseconds: UInt64
  private let maximumMilliseconds: UInt64
  /// How many accusers besides the first one shorten the time to the minimum.
  private let neededConfirmations: Int
  /// No more than are needed, each once.
  private var accusers: [NodeName]
  /// When the suspect is to be declared dead.
  private(set) var deadline: Instant

  init(by accuser: NodeName, profile: MembershipProfile, members: Int, now: Instant) {
    start = now
    (minimumMilliseconds, maximumMilliseconds) = profile.suspicionMilliseconds(members: members)
    neededConfirmations = profile.suspicionConfirmations(members: members)
    accusers = [accuser]
    deadline = now
    updateDeadline()
  }

  /// Counts another accuser; whether it was a new one, and one that was needed.
  mutating func confirm(by accuser: NodeName) -> Bool {
    if accusers.count > neededConfirmations || accusers.contains(accuser) { return false }
    accusers.append(accuser)
    updateDeadline()
    return true
  }

  /// After c of k confirmations: max - (max - min) log(c + 1) / log(k + 1).
  private mutating func updateDeadline() {
    var milliseconds = minimumMilliseconds
    if neededConfirmations > 0 {
      let gain = (maximumMilliseconds - minimumMilliseconds) * Logarithm.base2(UInt32(accusers.count))
      milliseconds = maximumMilliseconds - gain / Logarithm.base2(UInt32(neededConfirmations + 1))
    }
    deadline = start.advanced(milliseconds: milliseconds)
  }
}
