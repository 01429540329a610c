/// The two kinds of addresses.
public enum IPFamily: Equatable, Sendable {
  case v4, v6

  public init(_ address: IPAddress) {
    if case .v4 = address { self = .v4 } else { self = .v6 }
  }
}
