/// What becomes of a setting that is given over the network.
public enum SettingReach: Equatable, Sendable {
  case atOnce
  case fromNextStart
  /// Only the file says it; why.
  case never(String)

  /// - Parameter name: of a setting; whether there is one of that name, is found out when it is read.
  public init(_ name: String) {
    switch name {
    case "state-directory", "runtime-directory", "cgroup", "first-user-id":
      self = .never("what the node holds would be lost to it: change the file on the board")
    case "owner": self = .never("a board is handed on by `microctl owner KEY`, or in the file on the board")
    case "microcloud-key":
      self = .never("who holds that key says who owns the board: only the file on the board names it")
    case _ where BoardSettings.has(name):
      self = .never("the board's system reads it before the agent runs: change the file on the board")
    default: self = OfferSettings.has(name) ? .atOnce : .fromNextStart
    }
  }
}
