import MicroAgent

/// Who is no member any more.
extension Agent {
  /// Goes on with what was kept, and with what neighbours have heard.
  func followRevocations() {
    network.revocations = server.authority.revocations?.encoded
    // What is no news, or not signed, is nothing to anybody.
    network.onRevocations = { [unowned(unsafe) self] list in
      do throws(RequestError) { try revoke(list, by: nil) { _ in } } catch {}
    }
    server.onTime = { [unowned(unsafe) self] in network.memory.save(.latestIssued, server.authority.keptTime) }
  }

  /// Takes a list of them; `completion` is called when it is durable, or with what keeps it from being so.
  func revoke(
    _ list: [UInt8], by principal: Principal?, completion: @escaping (String?) -> Void
  ) throws(RequestError) {
    guard try server.take(revocations: list, by: principal) else { return completion(nil) }
    network.revocations = list
    network.memory.save(.revocations, list, completion: completion)
  }
}
