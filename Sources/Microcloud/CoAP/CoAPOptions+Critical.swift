extension CoAPOptionNumber {
  /// The critical options that the code here and above it understands. OSCORE is added where it is there.
  public static let usualCriticalOptions: [CoAPOptionNumber] = [
    .ifMatch, .uriHost, .ifNoneMatch, .uriPort, .uriPath, .uriQuery, .accept, .block2, .block1,
  ]

  /// Whether a message may have several of it (RFC 7252 section 5.10, table 4; of the critical ones).
  var isRepeatable: Bool {
    self == .ifMatch || self == .uriPath || self == .uriQuery
  }
}

extension CoAPOptions {
  /// The first option that a receiver must understand and that is not among these; nil: none. One too many of an option
  /// that may be there once is not understood either (RFC 7252 sections 5.4.1 and 5.4.5).
  public func notUnderstood(among known: [CoAPOptionNumber]) -> CoAPOptionNumber? {
    var previous: CoAPOptionNumber?
    for option in list where option.number.isCritical {
      if !known.contains(option.number) { return option.number }
      if option.number == previous, !option.number.isRepeatable { return option.number }
      previous = option.number
    }
    return nil
  }
}
