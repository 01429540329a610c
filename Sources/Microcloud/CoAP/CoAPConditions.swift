// Requests that depend on a resource's state (RFC 7252 sections 5.10.6 and 5.10.8).
extension CoAPMessage {
  /// Whether a GET names this representation as one that its client has: the answer is then 2.03 without a payload.
  public func has(etag: [UInt8]) -> Bool {
    options.list.contains { $0.number == .etag && $0.value == etag }
  }

  /// Whether a request that changes a resource may be carried out. Nil for `etag`: the resource does not exist. If not, the
  /// answer is 4.12.
  ///
  /// With If-Match the resource must be in one of the states named, or with an empty one just exist; with If-None-Match it
  /// must not exist.
  public func conditionsHold(etag: [UInt8]?) -> Bool {
    if options[.ifNoneMatch] != nil, etag != nil { return false }
    var isNamed = false
    for option in options.list where option.number == .ifMatch {
      guard let etag else { return false }
      if option.value.isEmpty || option.value == etag { return true }
      isNamed = true
    }
    return !isNamed
  }
}
