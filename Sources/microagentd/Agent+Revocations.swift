import MicroAgent

/// Who is no member any more.
extension Agent {
  /// Takes a list of them; `completion` is called when it is durable, or with what keeps it from being so.
  func revoke(
    _ list: [UInt8], by principal: Principal, completion: @escaping (String?) -> Void
  ) throws(RequestError) {
    guard try server.take(revocations: list, by: principal) else { return completion(nil) }
    network.memory.save(.revocations, list, completion: completion)
  }
}
